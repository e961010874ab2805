"""Segment files read while they grow: their fragments, and the packets in them."""
