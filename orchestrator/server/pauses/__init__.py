"""Pausing recordings, as it is asked for."""
