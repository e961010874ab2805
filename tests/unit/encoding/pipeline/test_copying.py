"""Pipelines that copy: what their files say, what they make, and what they can't do."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.encoding.pipeline.command import command
from orchestrator.encoding.pipeline.later import require_later
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import InvalidRequest
from orchestrator.stream_copy.containers import CONTAINERS

PIPELINES = Pipelines.load(None)
COPY = PIPELINES.get("copy")


def load(folder: Path, text: str) -> Pipelines:
    (folder / "mine.py").write_text(text, "utf-8")
    return Pipelines.load(folder)


def test_it_needs_no_encoder() -> None:
    assert COPY.copies
    assert not COPY.encoders
    assert [p.name for p in PIPELINES.by_name.values() if p.copies] == ["copy"]


@pytest.mark.parametrize(
    ("word", "made"),
    [
        ("mkv", ("mkv", "matroska", ".mkv", "video/x-matroska")),
        ("webm", ("webm", "webm", ".webm", "video/webm")),
        ("mp4", ("mp4", "mp4", ".mkv", "video/mp4")),
    ],
)
def test_what_it_makes_of_each_format(word: str, made: tuple[str, ...]) -> None:
    found = COPY.for_format(word)
    assert (found.name, found.format, found.copies) == ("copy", word, True)
    assert (found.extension, found.container, found.segment_suffix, found.mime_type) == made
    assert found.formats == COPY.formats == ("mkv", "webm", "mp4")


def test_another_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="copy makes mkv or webm or mp4, not av1"):
        COPY.for_format("av1")
    with pytest.raises(InvalidRequest, match="Pipeline mp4 makes mp4, not webm"):
        PIPELINES.get("mp4").for_format("webm")
    mp4 = PIPELINES.get("mp4")
    assert mp4.for_format("mp4") is mp4


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ("vp8", ["mkv", "webm"]),
        ("h264", ["mkv", "mp4"]),
        ("av1", ["mkv", "webm", "mp4"]),
        ("opus", ["mkv", "webm", "mp4"]),
        ("pcmu", ["mkv"]),
    ],
)
def test_which_containers_hold_a_codec(codec: str, words: list[str]) -> None:
    assert [word for word, one in CONTAINERS.items() if one.holds(codec)] == words


def test_one_s_own(tmp_path: Path) -> None:
    mine = load(tmp_path, '"""Mine."""\nCOPIES = True\nFORMATS = ("webm", "mkv")\n').get("mine")
    assert (mine.description, mine.format, mine.extension) == ("Mine.", "webm", "webm")
    assert mine.formats == ("webm", "mkv")
    all_of_them = load(tmp_path, "COPIES = True\n").get("mine")
    assert all_of_them.formats == ("mkv", "webm", "mp4")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("COPIES = 1\n", 1, "COPIES must be True or False"),
        ("COPIES = True\nFORMATS = ()\n", 2, "at least one of mkv, webm, mp4"),
        ("COPIES = True\nFORMATS = ('avi',)\n", 2, "at least one of mkv, webm, mp4"),
        ("COPIES = True\nFORMATS = 'mkv'\n", 2, "at least one of mkv, webm, mp4"),
        ("COPIES = True\nSPEEDS = ('a',)\n", 2, "has no SPEEDS"),
        ("COPIES = True\ndef build(job): pass\n", None, "has no build: it has no encoder"),
        ("COPIES = False\n", None, "EXTENSION must be"),
    ],
)
def test_a_broken_file(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    (failure,) = load(tmp_path, text).failures
    assert failure.line == line
    assert words in failure.message


def test_it_has_no_command_and_encodes_no_file() -> None:
    with pytest.raises(InvalidRequest, match="copies frames as they come: it has no ffmpeg"):
        command(
            COPY,
            ffmpeg="ffmpeg",
            source="in",
            output="out.mkv",
            width=320,
            height=180,
            video_bitrate_bps=1,
            audio_bitrate_bps=1,
        )
    with pytest.raises(InvalidRequest, match="it can't encode a file") as refused:
        require_later(COPY, PIPELINES.by_name)
    assert refused.value.detail == "Pipelines that can: av1, av1-svt, mp4, webm."
