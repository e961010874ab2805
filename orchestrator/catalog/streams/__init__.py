"""The table of streams with names of their own that were added at run time."""
