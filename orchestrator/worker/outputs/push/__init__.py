"""Pushes: the recording's encoded stream, sent to other servers while it grows."""
