"""What outputs of recordings cost."""
