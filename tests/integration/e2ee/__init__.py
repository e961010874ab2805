"""End-to-end encrypted rooms, whole recordings."""
