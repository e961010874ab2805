"""Calls of web hooks: which events they are for, and how they get there."""
