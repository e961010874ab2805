"""Names and certificates of servers on loopback."""
