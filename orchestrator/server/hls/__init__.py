"""HLS of recordings that somebody watches."""
