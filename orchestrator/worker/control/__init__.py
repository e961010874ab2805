"""What writes a recording's segments, and what controls it while it does."""
