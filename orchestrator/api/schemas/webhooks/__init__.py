"""Wire types of web hooks."""
