"""A file that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.mediafiles.synthetic import AudioTrack, Film, VideoTrack, times, tone


@pytest.fixture(scope="package")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds at 30 a second with a tone; a keyframe each second; B-frames."""
    return Film(
        tmp_path_factory.mktemp("inspect") / "steady.mp4",
        "mp4",
        VideoTrack(times(3), b_frames=2),
        AudioTrack([(0, tone(3))], "aac"),
        {"movflags": "faststart+use_metadata_tags"},
        {"title": "Müll", "stream_id": "room 7"},
    ).write()
