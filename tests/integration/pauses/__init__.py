"""Recordings that pause and go on."""
