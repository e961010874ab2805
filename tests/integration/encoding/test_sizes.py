"""Segments of several frame sizes in one file: it decodes, and a browser plays it and seeks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import av
import pytest

from orchestrator.encoding.joining.join import join
from orchestrator.encoding.joining.seam import Part
from orchestrator.encoding.pipeline.command import Pipeline, Pipelines, command
from orchestrator.encoding.pipeline.film_frames import write_nut
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.ffmpeg_environment import passed_on
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.worker.recording_setup import limits_of
from tests.kit.chromium import chromium, play
from tests.kit.fakes import REAL, REAL_FFMPEG
from tests.kit.signals.codes import draw, luma_of, read_code

pytestmark = pytest.mark.slow

SIZES: Final = ((320, 180), (1280, 720), (360, 640))
FRAMES: Final = 45
FPS: Final = 30


async def segment(folder: Path, pipeline: Pipeline, number: int) -> Part:
    """One segment of 1.5 s, whose numbers go on behind the one before."""
    made = folder / f"{number}{pipeline.segment_suffix}"
    await encode(pipeline, made, SIZES[number], number * FRAMES, FRAMES)
    return Part(made, number * FRAMES / FPS, (number + 1) * FRAMES / FPS)


async def encode(
    pipeline: Pipeline, made: Path, size: tuple[int, int], first: int, count: int
) -> None:
    """Frames with numbers from `first` on, as a pipeline encodes them."""
    (width, height), film = size, made.with_suffix(".nut")
    drawn = (draw(first + n, width=width, height=height, fps=FPS) for n in range(count))
    await asyncio.to_thread(write_nut, film, drawn, width=width, height=height)
    argv = command(
        pipeline,
        ffmpeg=str(REAL),
        source=str(film),
        output=str(made),
        width=width,
        height=height,
        video_bitrate_bps=1_000_000,
        audio_bitrate_bps=64_000,
    )
    run = Run(argv, made.with_suffix(".log"), environment=passed_on())
    await run.start()
    assert (await run.wait()).outcome == "finished"


def read(path: Path) -> list[tuple[int, int, int | None]]:
    with av.open(str(path)) as file:
        frames = file.decode(video=0)
        return [(f.width, f.height, read_code(luma_of(f))) for f in frames]


@pytest.mark.parametrize("name", ["mp4", "webm", "av1", "av1-svt"])
async def test_one_file_holds_several_sizes(tmp_path: Path, name: str) -> None:
    pipeline = Pipelines.load(None).get(name)
    assert pipeline.mixed_sizes
    parts = [await segment(tmp_path, pipeline, number) for number in range(len(SIZES))]
    joined = tmp_path / f"joined{pipeline.segment_suffix}"
    await join(
        REAL_FFMPEG,
        parts,
        joined,
        container=pipeline.container,
        keep_video=True,
        keep_audio=True,
        tags={},
        log_path=tmp_path / "join.log",
    )
    wanted = [(*SIZES[n // FRAMES], n) for n in range(len(SIZES) * FRAMES)]
    assert read(joined) == wanted
    # Into each size from each other one, also beside x264's own keyframes (0.1 s behind a flash).
    places = [4.0, 0.5, 2.0, 1.2, 4.2, 2.5, 0.15]
    async with chromium() as browser:
        played = await play(browser, joined, pipeline.mime_type, *places)
    assert played.problems == []
    assert {(width, height) for _, width, height in played.shown} == set(SIZES)
    assert [each for *_, each in played.sought] == [round(at * FPS - 0.4) for at in places]
    assert [each[1:3] for each in played.sought] == [wanted[int(at * FPS)][:2] for at in places]


@pytest.mark.parametrize("name", ["mp4", "webm", "av1", "av1-svt"])
async def test_a_wide_desktop_keeps_its_size(tmp_path: Path, name: str) -> None:
    pipeline, size = Pipelines.load(None).get(name), (5120, 1440)
    assert CanvasSize.fitting(*size, limits_of(pipeline)) == CanvasSize(*size)
    made = tmp_path / f"made{pipeline.segment_suffix}"
    await encode(pipeline, made, size, 1, 3)
    assert read(made) == [(*size, 1), (*size, 2), (*size, 3)]


@pytest.mark.parametrize("name", ["mp4", "webm", "av1", "av1-svt"])
async def test_the_smallest_frames_are_taken(tmp_path: Path, name: str) -> None:
    pipeline = Pipelines.load(None).get(name)
    canvas = CanvasSize.fitting(2, 2, limits_of(pipeline))
    made = tmp_path / f"made{pipeline.segment_suffix}"
    await encode(pipeline, made, (canvas.width, canvas.height), 0, 3)
    assert [each[:2] for each in read(made)] == [(canvas.width, canvas.height)] * 3


def test_other_codecs_get_a_file_for_each_size(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "one.py").write_text(OWN + "MIXED_SIZES = True\nLARGEST_FRAME = (1920, 1081)\n")
    pipelines = Pipelines.load(tmp_path)
    own, one = pipelines.get("own"), pipelines.get("one")
    assert (own.mixed_sizes, own.largest_frame, own.smallest_frame) == (False, None, (16, 16))
    assert (one.mixed_sizes, one.largest_frame) == (True, (1920, 1080))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("MIXED_SIZES = 1", "MIXED_SIZES must be True or False"),
        ("LARGEST_FRAME = 1920", "LARGEST_FRAME must be a width and a height"),
        ("SMALLEST_FRAME = (64, 0)", "SMALLEST_FRAME must be a width and a height"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "own.py").write_text(f"{OWN}{line}\n")
    (failure,) = Pipelines.load(tmp_path).failures
    assert failure.line == 4
    assert failure.message.startswith(said)


OWN = """EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = "mkv", "matroska", "libx265", "aac"
def build(job):
    return None
"""
