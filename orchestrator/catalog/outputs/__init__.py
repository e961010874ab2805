"""The catalog's table of outputs: what becomes of recordings besides their files."""
