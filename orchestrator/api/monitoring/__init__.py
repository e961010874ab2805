"""What the server tells of itself: health, processes, the machine, metrics, live events."""
