"""Recording encoded frames as they came: their tracks, times, queue, and the files they go into."""
