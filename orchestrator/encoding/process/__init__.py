"""The supervised ffmpeg process: its start, its progress, its stop, its end."""
