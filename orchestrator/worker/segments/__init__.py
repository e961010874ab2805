"""Segments: runs of ffmpeg, one after the other, that together make one recording."""
