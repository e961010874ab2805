"""Wire types: what the HTTP API accepts and returns, separate from the internal types.

Keys are those of the Recording API document and of the desktop app; fields we add
carry their unit in the name. A value that was not measured is null.
"""
