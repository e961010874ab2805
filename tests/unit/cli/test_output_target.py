"""What `--output` means: a folder, or a file whose ending says the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.output_target import Target, target
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import InvalidRequest

PIPELINES = Pipelines.load(None)


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [
        ("a.mp4", "mp4"),
        ("a.webm", "webm"),
        ("a.av1", "av1"),
        ("A b.MP4", "mp4"),
        ("a.b.mp4", "mp4"),
    ],
)
def test_a_file_s_ending_says_the_format(tmp_path: Path, name: str, pipeline: str) -> None:
    found = target(str(tmp_path / name), None, None, PIPELINES)
    assert found == Target(tmp_path, name, pipeline)


@pytest.mark.parametrize(
    ("name", "format", "pipeline"),
    [
        ("a.mp4", "mp4", None),
        ("a.mp4", "h264", None),
        ("a.mp4", "av1", None),
        ("a.av1", None, "av1-svt"),
        ("a.mp4", None, "av1-svt"),
    ],
)
def test_what_is_asked_for_besides_decides(
    tmp_path: Path, name: str, format: str | None, pipeline: str | None
) -> None:
    assert target(str(tmp_path / name), format, pipeline, PIPELINES) == Target(tmp_path, name, None)


def test_a_name_that_is_too_long_is_left_to_who_names_the_file(tmp_path: Path) -> None:
    name = f"{'a' * 300}.mp4"
    assert target(str(tmp_path / name), None, None, PIPELINES) == Target(tmp_path, name, "mp4")


def test_a_home_of_nobody() -> None:
    with pytest.raises(InvalidRequest, match="there is no such user"):
        target("~nobody-of-this-name/a.mp4", None, None, PIPELINES)


@pytest.mark.parametrize("name", ["films", "v1.2", "a.mp4/", "talks.d", "there.mp4"])
def test_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.mp4").mkdir()
    found = target(f"{tmp_path}/{name}", None, None, PIPELINES)
    assert found == Target(tmp_path / name, None, None)


@pytest.mark.parametrize(
    ("name", "format", "words"),
    [
        ("a.mp4", "webm", "Pipeline webm makes .webm files"),
        ("a.av1", "mp4", "Pipeline mp4 makes .mp4 files"),
        ("a.mkv", "mp4", "Pipeline mp4 makes .mp4 files"),
        ("a.flv", None, "No pipeline makes .flv files"),
        ("a.mp3", None, "No pipeline makes .mp3 files"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, name: str, format: str | None, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        target(str(tmp_path / name), format, None, PIPELINES)
    assert words in refused.value.error
    assert refused.value.detail


@pytest.mark.parametrize(
    ("name", "format", "pipeline", "found"),
    [
        ("a.mkv", None, None, ("copy", None)),
        ("a.mkv", None, "copy", (None, "mkv")),
        ("a.webm", None, "copy", (None, "webm")),
        ("a.mp4", "mp4", "copy", (None, "mp4")),
        ("a.webm", "vp9", "copy", (None, "webm")),
    ],
)
def test_the_extension_chooses_the_container_of_copied_frames(
    tmp_path: Path, name: str, format: str | None, pipeline: str | None, found: tuple[str, str]
) -> None:
    assert target(f"{tmp_path}/{name}", format, pipeline, PIPELINES) == Target(
        tmp_path, name, *found
    )


@pytest.mark.parametrize(
    ("name", "format", "words"),
    [
        ("a.mkv", "webm", "copy makes .webm files, not a.mkv"),
        ("a.mov", None, "copy makes .mkv or .mp4 or .webm files"),
        ("a.mp4", "av1", "copy makes mkv or webm or mp4, not av1"),
    ],
)
def test_a_container_that_copied_frames_dont_have(
    tmp_path: Path, name: str, format: str | None, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        target(str(tmp_path / name), format, "copy", PIPELINES)
    assert words in refused.value.error


def test_a_pipeline_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "lossless.py").write_text(
        "EXTENSION = 'mkv'\nCONTAINER = 'matroska'\nVIDEO_CODEC = 'ffv1'\nAUDIO_CODEC = 'flac'\n"
        "def build(job): pass\n"
    )
    found = target(str(tmp_path / "a.mkv"), None, None, Pipelines.load(tmp_path))
    assert found == Target(tmp_path, "a.mkv", "lossless")
