"""The words for `output_format`: the three fixed ones, and those of a user's pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import InvalidRequest, PipelineBroken
from orchestrator.recordings.formats import format_named, formats_of, pipeline_for
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.request_check import pipeline_of
from tests.kit.documented import documented_pipelines

BUILT_IN = Pipelines.load(None)
MINE = """
EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = "mkv", "matroska", "libx264", "aac"
FORMAT = "{format}"

def build(job): ...
"""


@pytest.fixture
def documented(tmp_path: Path) -> Pipelines:
    """The built-in pipelines and those of docs/pipelines.md."""
    for name, text in documented_pipelines().items():
        (tmp_path / name).write_text(text)
    return Pipelines.load(tmp_path)


def asked(pipelines: Pipelines, output_format: str | None, pipeline: str | None = None) -> str:
    """The pipeline that a request gets."""
    request = StartRequest("room", output_format=output_format, pipeline=pipeline)
    return pipeline_of(request, pipelines).name


@pytest.mark.parametrize("pipelines", ["built in", "documented"])
def test_the_fixed_words_mean_what_they_did(pipelines: str, documented: Pipelines) -> None:
    known = BUILT_IN if pipelines == "built in" else documented
    words = (None, "", "av1", "mp4", "webm", "h264", "vp9")
    assert [format_named(known, word) for word in words] == [
        *("av1", "av1", "av1", "mp4", "webm", "mp4", "webm")
    ]
    assert [asked(known, word) for word in words] == [
        *("av1", "av1", "av1", "mp4", "webm", "mp4", "webm")
    ]


def test_the_built_in_formats() -> None:
    assert list(formats_of(BUILT_IN.by_name)) == ["av1", "mp4", "webm", "mkv"]


def test_the_documented_pipelines_are_asked_for_by_their_formats(documented: Pipelines) -> None:
    assert list(formats_of(documented.by_name)) == [
        "av1",
        "mp4",
        "webm",
        "small",
        "thumbnails",
        "mkv",
    ]
    assert asked(documented, "small") == "small"
    assert asked(documented, "thumbnails") == "thumbnails", "without FORMAT it is the file's name"
    assert asked(documented, "small", pipeline="small") == "small"


def test_a_format_and_a_pipeline_that_contradict_each_other(documented: Pipelines) -> None:
    with pytest.raises(InvalidRequest, match="Pipeline mp4 makes mp4, not small"):
        asked(documented, "small", pipeline="mp4")


def test_a_pipeline_that_copies_makes_several(tmp_path: Path) -> None:
    made = [
        pipeline_of(StartRequest("room", output_format=word, pipeline="copy"), BUILT_IN).format
        for word in (None, "mkv", "webm", "vp9", "mp4", "h264")
    ]
    assert made == ["mkv", "mkv", "webm", "webm", "mp4", "mp4"]
    assert asked(BUILT_IN, "mkv") == "copy"
    with pytest.raises(InvalidRequest, match="copy makes mkv or webm or mp4, not av1"):
        asked(BUILT_IN, "av1", pipeline="copy")
    (tmp_path / "mine.py").write_text(MINE.format(format="mkv"))
    assert asked(Pipelines.load(tmp_path), "mkv") == "mine", "it was here before copy"


def test_an_unknown_format(documented: Pipelines) -> None:
    with pytest.raises(InvalidRequest, match=r"'avi' Use one of: av1, mp4, webm, small, thumb"):
        pipeline_for(documented, "avi")
    with pytest.raises(InvalidRequest, match=r"Use one of: av1, mp4, webm, mkv\.$"):
        asked(BUILT_IN, "small", pipeline="mp4")


def test_of_several_with_one_format_that_of_its_name_is_taken(tmp_path: Path) -> None:
    for name in ("a", "lecture", "z"):
        (tmp_path / f"{name}.py").write_text(MINE.format(format="lecture"))
    assert asked(Pipelines.load(tmp_path), "lecture") == "lecture"
    (tmp_path / "lecture.py").unlink()
    assert asked(Pipelines.load(tmp_path), "lecture") == "a"


@pytest.mark.parametrize("format", ["mp4", "h264"])
def test_a_users_format_takes_no_fixed_word_away(format: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE.format(format=format))
    pipelines = Pipelines.load(tmp_path)
    assert asked(pipelines, format) == "mp4"
    assert list(formats_of(pipelines.by_name)) == ["av1", "mp4", "webm", "mkv"]


def test_a_pipeline_that_does_not_load_says_so(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text("oops(")
    (tmp_path / "mp4.py").write_text("oops(")
    pipelines = Pipelines.load(tmp_path)
    assert list(formats_of(pipelines.by_name)) == ["av1", "webm", "mkv"]
    for word in ("small", "mp4"):
        with pytest.raises(PipelineBroken, match=f"Pipeline {word} is broken"):
            asked(pipelines, word)
