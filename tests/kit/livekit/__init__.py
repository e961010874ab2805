"""Real LiveKit rooms for tests, and who publishes in them."""
