"""What happens in a room besides its media, written down while it is recorded."""
