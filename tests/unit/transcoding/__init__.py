"""Encoding finished files again."""
