"""Watches: streams that are recorded whenever they are live."""
