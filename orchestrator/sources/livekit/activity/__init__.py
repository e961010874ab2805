"""What happens in a LiveKit room besides media: its participants, and its data packets."""
