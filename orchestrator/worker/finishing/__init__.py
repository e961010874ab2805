"""The end of a recording: its final files from its segments."""
