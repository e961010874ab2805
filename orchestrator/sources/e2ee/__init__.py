"""End-to-end encrypted frames of LiveKit's clients: their keys, and how they are decrypted."""
