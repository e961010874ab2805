"""A file's video in chunks: where it is cut, and how each is encoded and looked through."""
