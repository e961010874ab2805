"""One recording from its first connection to its final file, in a process of its own."""
