"""Sidecars: the files beside a recording's own, from their first byte to their place.

Read `names` for what there is, `files` to write one, `publishing` for how they get beside the file.
"""
