"""pump.fun's live streams: finding and joining them."""
