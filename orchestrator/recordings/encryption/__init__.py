"""Keys of end-to-end encrypted streams, as requests, settings and rows have them."""
