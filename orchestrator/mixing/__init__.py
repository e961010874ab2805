"""Several microphones as one audio track."""
