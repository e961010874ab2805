"""Which ffmpeg reads addresses: the setting's, else the one that comes with the package.

Not one that is found in PATH: distributions leave out protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from orchestrator.errors import FFmpegNotFound
from orchestrator.ffmpeg_environment import passed_on
from orchestrator.settings.groups.encoding import EncodingSettings


@dataclass(frozen=True, slots=True)
class FFmpegProgram:
    """The ffmpeg to read with."""

    path: Path
    environment: Mapping[str, str]


def program(settings: EncodingSettings) -> FFmpegProgram:
    """Blocking, for a moment. Raises FFmpegNotFound."""
    if settings.ffmpeg is not None:
        path = settings.ffmpeg
    else:
        try:
            path = Path(imageio_ffmpeg.get_ffmpeg_exe())
        except RuntimeError as error:
            raise FFmpegNotFound(f"No ffmpeg to read the stream with: {error}.") from error
    return FFmpegProgram(path, passed_on(settings.ffmpeg_environment))
