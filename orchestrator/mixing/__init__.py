"""Several microphones as one audio track: decoders, and the limiter of their sum."""
