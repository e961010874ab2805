"""A connection that a publisher opens to us (WHIP)."""
