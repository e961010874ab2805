"""The server's side of publishers (WHIP): the processes that hold them."""
