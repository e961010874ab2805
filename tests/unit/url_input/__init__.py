"""The ffmpeg that reads an address."""
