"""An ffmpeg that reads an address: what the address means, its command, its process."""
