"""The later profile of pipelines: its constants, its commands, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import ffmpeg
import pytest

from orchestrator.encoding.pipeline.command import Pipelines
from orchestrator.encoding.pipeline.job import LaterJob, Pipeline
from orchestrator.encoding.pipeline.later import Aside, later_arguments, require_later
from orchestrator.encoding.pipeline.loading import load_pipeline
from orchestrator.errors import InvalidRequest, PipelineBroken

HEAD = (
    'import ffmpeg\nEXTENSION = CONTAINER = "mp4"\nVIDEO_CODEC = "libx264"\nAUDIO_CODEC = "aac"\n'
    "def build(job): pass\n"
)
CRFS = 'LATER_CRFS = {"low": 40, "medium": 30, "high": 20}\n'
BUILD = "def build_later(job):\n    return ffmpeg.output(job.video, job.output)\n"
PIPELINES = Pipelines.load(None)
COMMON = "-f nut -fps_mode passthrough -enc_time_base:v 1001:30000 -c:v"
GOLDEN = {
    "av1-svt": "libsvtav1 -preset:v 5 -crf 30 -g 300 -svtav1-params tune=0:lp=3",
    "av1": "libaom-av1 -usage good -cpu-used 4 -crf 27 -b:v 0 -row-mt 1 -g 300 -threads:v 3",
    "mp4": "libx264 -preset:v slow -profile:v high -crf 20 -g 300 -x264-params stitchable=1"
    " -threads:v 3",
    "webm": "libvpx-vp9 -deadline good -cpu-used 2 -crf 28 -b:v 0 -auto-alt-ref 1"
    " -lag-in-frames 25 -row-mt 1 -tile-columns 1 -g 300 -threads:v 3",
}


def job(pipeline: Pipeline) -> LaterJob:
    assert pipeline.later is not None
    return LaterJob(
        video=ffmpeg.input("film.mkv").video,
        output="chunk.nut",
        width=1280,
        height=720,
        crf=pipeline.later.crfs["high"],
        video_bitrate_bps=None,
        threads=3,
        fps=Fraction(30_000, 1001),
    )


def arguments(pipeline: Pipeline, job: LaterJob, *asides: Aside) -> list[str]:
    assert pipeline.later is not None
    return later_arguments(pipeline, pipeline.later, job, asides)


def loaded(folder: Path, text: str) -> Pipeline:
    (folder / "mine.py").write_text(text)
    return load_pipeline(folder / "mine.py")


def options(words: list[str]) -> set[str]:
    """Each option with its value."""
    return {" ".join(words[n : n + 2]) for n in range(0, len(words), 2)}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_commands_of_the_built_in_ones(name: str) -> None:
    pipeline = PIPELINES.get(name)
    words = arguments(pipeline, job(pipeline))
    assert words[:2] == ["-i", "film.mkv"]
    assert words[-1] == "chunk.nut"
    assert options(words[2:-1]) == options(f"-map 0:v {COMMON} {GOLDEN[name]}".split())


@pytest.mark.parametrize("name", GOLDEN)
def test_a_bit_rate_takes_the_place_of_the_quality(name: str) -> None:
    pipeline = PIPELINES.get(name)
    words = arguments(pipeline, replace(job(pipeline), crf=None, video_bitrate_bps=700_000))
    assert words[words.index("-b:v") + 1] == "700000"
    assert "-crf" not in words


def test_the_qualities_are_in_order() -> None:
    for pipeline in PIPELINES.by_name.values():
        if pipeline.copies:
            continue
        assert pipeline.later is not None
        crfs = pipeline.later.crfs
        assert crfs["low"] > crfs["medium"] > crfs["high"]


def test_it_is_optional(tmp_path: Path) -> None:
    mine = loaded(tmp_path, HEAD)
    assert mine.later is None
    with pytest.raises(InvalidRequest, match="mine has no later profile") as raised:
        require_later(mine, {**PIPELINES.by_name, "mine": mine})
    assert "Pipelines with one: av1, av1-svt, mp4, webm;" in raised.value.detail


def test_ones_own(tmp_path: Path) -> None:
    mine = loaded(tmp_path, HEAD + CRFS + BUILD)
    assert mine.later is not None
    assert (mine.later.crfs["low"], mine.later.largest_crf) == (40, 63)
    assert require_later(mine, {}) is mine.later
    assert "-fps_mode passthrough" in " ".join(arguments(mine, job(mine)))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (CRFS, 6, "needs the function build_later"),
        (BUILD, None, "LATER_CRFS must have a CRF of 0 to 63 for each of low, medium, high"),
        ('LATER_CRFS = {"low": 40}\n' + BUILD, 6, "for each of low, medium, high"),
        (CRFS + "LATER_LARGEST_CRF = 35\n" + BUILD, 6, "a CRF of 0 to 35"),
        (CRFS + 'LATER_LARGEST_CRF = "x"\n' + BUILD, 7, "a whole number"),
    ],
)
def test_what_is_wrong_with_the_file(
    text: str, line: int | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(PipelineBroken) as raised:
        loaded(tmp_path, HEAD + text)
    assert words in str(raised.value)
    assert raised.value.context["line"] == line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return None", "build_later() returned NoneType"),
        ('return ffmpeg.output(job.video, "other.nut")', "one output, job.output"),
    ],
)
def test_what_is_wrong_with_its_function(body: str, words: str, tmp_path: Path) -> None:
    mine = loaded(tmp_path, f"{HEAD}{CRFS}def build_later(job):\n    {body}\n")
    with pytest.raises(PipelineBroken) as raised:
        arguments(mine, job(mine))
    assert words in str(raised.value)


def test_further_outputs_come_after_the_encoders_own() -> None:
    pipeline = PIPELINES.get("mp4")
    streams = ffmpeg.input("film.mkv").video.filter_multi_output("split", 2)
    split = replace(job(pipeline), video=streams[0])
    words = arguments(pipeline, split, Aside(streams[1], "a.txt", {"f": "framecrc"}))
    assert words.index("chunk.nut") < words.index("a.txt")
