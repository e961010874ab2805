"""LiveKit: signalling, rooms, subscriptions."""
