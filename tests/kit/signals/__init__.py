"""What a test's publisher puts into frames and audio, and how a recording is read for it."""
