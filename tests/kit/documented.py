"""The examples of the documentation, which are tested as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PIPELINES: Final = Path(__file__).parents[2] / "docs" / "pipelines.md"
_EXAMPLE: Final = re.compile(r"<!-- pipeline: (\S+) -->\n```python\n(.*?)```", re.DOTALL)


def documented_pipelines() -> dict[str, str]:
    """The complete pipelines in docs/pipelines.md, by file name."""
    return dict(_EXAMPLE.findall(PIPELINES.read_text()))


FORGETFUL: Final = """
import ffmpeg

EXTENSION = CONTAINER = {container!r}
VIDEO_CODEC, AUDIO_CODEC = "libx264", "aac"


def build(job):
    own = {{"c:v": VIDEO_CODEC, "preset:v": "ultrafast", "c:a": AUDIO_CODEC{more}}}
    return ffmpeg.output(job.video, job.audio, job.output, **own)
"""
"""A user's pipeline that has none of the options that keep a recording safe."""
