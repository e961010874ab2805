"""What a server and the processes that hold its publishers (WHIP) say to each other."""
