"""Wire types: what the HTTP API takes and gives, apart from the inner types.

Keys are those of the Recording API document and of the desktop app; where we add, names carry
their unit. A value that nobody measured is null.
"""
