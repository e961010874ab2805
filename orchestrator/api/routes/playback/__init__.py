"""Routes that players of recordings use."""
