"""Streams that ffmpeg reads from an address."""
