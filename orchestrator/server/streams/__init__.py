"""Streams with names of their own, and what is in a stream before it is recorded."""
