"""Outputs of recordings, from the server's side: what is asked for, and who makes it."""
