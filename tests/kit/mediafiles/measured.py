"""What the tests of real files ask of an inspection."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from orchestrator.mediafiles.inspect.read import inspect
from orchestrator.mediafiles.inspect.report import AudioContent, AudioReport, Stretches, VideoReport

TICK_S: Final = 0.001
"""Matroska and WebM keep times to the millisecond."""

FRAME_S: Final = 1 / 30


def video_of(path: Path, *, decode: bool = True) -> VideoReport:
    (video,) = inspect(path, decode=decode).video
    return video


def audio_of(path: Path) -> tuple[AudioReport, AudioContent]:
    (audio,) = inspect(path).audio
    assert audio.sound is not None
    return audio, audio.sound


def only(stretches: Stretches | None) -> tuple[float, float]:
    """Position and length of the one passage there is."""
    assert stretches is not None
    assert stretches.count == 1
    (one,) = stretches.longest
    assert stretches.total_s == pytest.approx(one.duration_s)
    return one.at_s, one.duration_s


def none(stretches: Stretches | None) -> bool:
    return stretches == Stretches(0, 0.0, ())
