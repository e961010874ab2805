"""The catalog's table of pauses."""
