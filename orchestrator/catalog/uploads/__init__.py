"""The catalog's table of uploaded files."""
