"""Encoding pipelines: small Python files, and the ffmpeg commands that they build.

A pipeline file imports `Job` from here.
"""

from orchestrator.encoding.pipeline.job import Job

__all__ = ["Job"]
