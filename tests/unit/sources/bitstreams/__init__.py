"""What encoded video says of itself."""
