"""Encoding: pipelines that build ffmpeg commands, and the supervised runs of those commands."""
