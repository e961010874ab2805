"""Receivers of pushes."""
