"""What a running recording writes, by its row."""

from __future__ import annotations

from typing import Any

from orchestrator.catalog.models import Recording
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.written import bitrate_bps, codecs_of, written_bytes
from tests.kit.catalog.rows import recording

FIGURES: dict[str, Any] = {
    "video": {"codec": "VP8"},
    "duration_s": 4.0,
    "pipe_bytes": 1_000_000,
    "encoder": {"size_bytes": 5, "bitrate_bps": 7.0},
}


def copied(**columns: Any) -> Recording:
    codecs = {"video_codec": "copy", "audio_codec": "copy"}
    return recording("a", pipeline="copy", tracks="all", **(codecs | columns))


def test_an_encoder_says_what_it_wrote() -> None:
    row, figures = recording("a"), LiveFigures.model_validate(FIGURES)
    assert (written_bytes(row, figures), bitrate_bps(row, figures)) == (5, 7.0)
    assert codecs_of(row) == ("libaom-av1", "aac")


def test_of_copied_frames_what_was_written_counts() -> None:
    row, figures = copied(), LiveFigures.model_validate(FIGURES)
    assert (written_bytes(row, figures), bitrate_bps(row, figures)) == (1_000_000, 2_000_000)
    nothing = LiveFigures()
    assert (written_bytes(row, nothing), bitrate_bps(row, nothing)) == (None, None)


def test_codecs_of_copied_frames_are_what_came_and_then_what_the_file_has() -> None:
    assert codecs_of(copied(figures={})) == ("copy", "copy")
    assert codecs_of(copied(figures=FIGURES)) == ("vp8", "copy")
    file = {"video": {"codec": "h264"}, "audio": {"codec": "opus"}}
    assert codecs_of(copied(figures=FIGURES, probe=file)) == ("h264", "opus")
    assert codecs_of(copied(figures=FIGURES, probe={"video": None})) == ("vp8", "copy")
