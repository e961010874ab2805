"""The HTTP API: what the Recording API document and the desktop app ask for, and what we add."""
