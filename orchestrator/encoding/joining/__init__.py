"""Segments become one file."""
