"""From encoded frames to decoded ones."""
