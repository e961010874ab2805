"""Encoded frames as publishers send them, and the files they go into."""
