"""A recording from start to file: the manager in the server, the recorder in its worker."""
