"""Publishers that send to a recorder (WHIP)."""
