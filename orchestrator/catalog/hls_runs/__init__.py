"""The catalog's table of what HLS had of segments that were joined."""
