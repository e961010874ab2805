"""Live streams to other servers: what an address means, and the ffmpeg that sends to it."""
