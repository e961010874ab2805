"""The pauses of recordings."""
