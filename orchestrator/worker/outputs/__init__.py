"""Outputs that a recording's worker makes itself: pushes and images."""
