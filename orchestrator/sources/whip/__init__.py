"""A publisher that comes to us (WHIP) as a source."""
