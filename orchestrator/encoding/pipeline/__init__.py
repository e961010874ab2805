"""Encoding pipelines: small Python files, and the ffmpeg commands that they build.

A pipeline file imports `Job` and `LaterJob` from here.
"""

from orchestrator.encoding.pipeline.job import Job, LaterJob

__all__ = ["Job", "LaterJob"]
