"""What encoded video says of itself: headers, parameter sets, layers. Pure; nothing is decoded."""
