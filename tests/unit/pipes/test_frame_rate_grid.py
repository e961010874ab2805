"""Segments of a file with a fixed frame rate share one grid, through ffmpeg's own filter too."""

from __future__ import annotations

import random
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.encoding.joining.join import join
from orchestrator.encoding.joining.seam import Part
from orchestrator.encoding.pipeline.command import Pipelines, command
from orchestrator.encoding.pipeline.fixed_rate import fixed_rate
from orchestrator.media import AUDIO_RATE
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.frame_rate_grid import FrameRateGrid
from orchestrator.pipes.segment_audio_overlap import RecentAudio
from orchestrator.pipes.timeline_items import AudioItem, VideoItem
from orchestrator.pipes.writer import SegmentWriter
from tests.kit.fakes import REAL, REAL_FFMPEG, frame_times
from tests.kit.signals.codes import draw

SIZE = CanvasSize(320, 180)
CHUNK = 4800


class Tape:
    """Frames at uneven times, cut into segments as a recording is that changes its speed."""

    def __init__(self, folder: Path, rate: Fraction, source_fps: float) -> None:
        (folder / "own.py").write_text(OWN.replace("RATE", str(rate)))
        self.pipeline = Pipelines.load(folder).get("own")
        self.folder, self.parts = folder, list[Part]()
        self._queue, self._recent = FrameQueue(2**28), RecentAudio()
        self._sample = self._number = 0
        chance = random.Random(3)
        self._pts = [round(90_000 * (n + chance.uniform(0, 0.4)) / source_fps) for n in range(2000)]
        self._pts[0] = 0
        self.grid: FrameRateGrid | None = FrameRateGrid(rate, Fraction(0))

    def record(self, until: int) -> None:
        """The next segment, up to about this sample."""
        number = len(self.parts)
        fifo, path = Fifo(self.folder / f"{number}.nut"), self.folder / f"{number}.mp4"
        writer = SegmentWriter(
            fifo,
            self._queue,
            SIZE,
            open_timeout_s=20,
            on_first=lambda: None,
            recent=self._recent,
            grid=self.grid,
        )
        argv = self._command(fifo.path, path)
        writer.start()
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
            self._fill(until)
            while not self._queue.empty:
                assert process.poll() is None
            writer.cut()
            self._fill(until + 4 * CHUNK)
            assert writer.join(20)
            assert process.wait(20) == 0
        assert writer.problem is None
        counts = writer.statistics()
        assert counts.video_dropped == 0
        self.parts.append(Part(path, counts.begins_s, counts.end_s))

    async def joined(self) -> Path:
        output = self.folder / "joined.mp4"
        log = self.folder / "join.log"
        await join(
            *(REAL_FFMPEG, self.parts, output),
            container="mp4",
            keep_video=True,
            keep_audio=True,
            tags={},
            log_path=log,
        )
        return output

    def _fill(self, until: int) -> None:
        while self._sample < until:
            while self._pts[self._number] * AUDIO_RATE < (self._sample + CHUNK) * 90_000:
                frame = draw(self._number, width=SIZE.width, height=SIZE.height, fps=30)
                self._queue.put_nowait(VideoItem(self._pts[self._number], frame))
                self._number += 1
            silence = np.zeros((CHUNK, 2), np.int16)
            self._queue.put_nowait(AudioItem(self._sample, CHUNK, silence))
            self._sample += CHUNK

    def _command(self, fifo: Path, output: Path) -> list[str]:
        argv = command(
            self.pipeline,
            ffmpeg=str(REAL),
            source=str(fifo),
            output=str(output),
            width=SIZE.width,
            height=SIZE.height,
            video_bitrate_bps=300_000,
            audio_bitrate_bps=96_000,
        )
        return argv


OWN = """import ffmpeg

EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = "mp4", "mp4", "libx264", "aac"


def build(job):
    return ffmpeg.output(
        job.video.filter("fps", "RATE"),
        job.audio,
        job.output,
        **{
            "f": CONTAINER,
            "fps_mode": "passthrough",
            "enc_time_base:v": "1:90000",
            "c:v": VIDEO_CODEC,
            "preset:v": "ultrafast",
            "bf": 0,
            "c:a": AUDIO_CODEC,
            "movflags": job.movflags,
            "max_interleave_delta": 0,
        },
    )
"""


@pytest.mark.parametrize(
    ("rate", "source_fps"),
    [
        (Fraction(30), 30),
        (Fraction(30), 7),
        (Fraction(60), 30),
        (Fraction(25), 30),
        (Fraction(24), 60),
        (Fraction(30_000, 1001), 30),
    ],
)
async def test_all_distances_are_the_same(
    tmp_path: Path, rate: Fraction, source_fps: float
) -> None:
    tape = Tape(tmp_path, rate, source_fps)
    for until in (60_000, 111_111, 165_000, 240_000):
        tape.record(until)
    times = frame_times(await tape.joined())
    distances = [after - before for before, after in pairwise(times)]
    assert distances == pytest.approx([float(1 / rate)] * len(distances), abs=0.0001)
    assert times[-1] > 4.9


async def test_without_the_grid_they_are_not(tmp_path: Path) -> None:
    """What the other test sees."""
    tape = Tape(tmp_path, Fraction(30), 30)
    tape.grid = None
    for until in (60_000, 111_111, 165_000, 240_000):
        tape.record(until)
    times = frame_times(await tape.joined())
    assert any(abs(after - before - 1 / 30) > 0.001 for before, after in pairwise(times))


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ("-map 0:v -map 0:a OUT", None),
        ("-filter_complex [0:v]fps=30[s0] -map [s0] -map 0:a OUT", 30),
        ("-filter_complex [0:v]fps=fps=30000/1001:round=near[s0] -map [s0] OUT", (30000, 1001)),
        (
            "-filter_complex [0:v]fps=50[s0];[s0]split=2[s1][s2];[s1]scale=-2:360[s3];"
            "[s2]fps=1[s4] -map [s3] -map 0:a -r 9 OUT -map [s4] t.jpg",
            50,
        ),
        (
            "-filter_complex [0:v]split=2[s1][s2];[s2]fps=1[s4] -map [s4] t.jpg -map [s1] OUT",
            None,
        ),
        ("-map 0:v -vf scale=10:10,fps=25 OUT", 25),
        ("-map 0:v -vf fps=1 t.jpg -map 0:v -map 0:a OUT", None),
        ("-filter_complex [0:v]fps=source_fps[s0] -map [s0] OUT", None),
        ("-filter_complex [0:v]fps=1/0[s0] -map [s0] OUT", None),
        ("-filter_complex [0:v]fps[s0] -map [s0] OUT", None),
        ("OUT", None),
    ],
)
def test_a_rate_is_read_from_the_command(options: str, rate: int | tuple[int, int] | None) -> None:
    wanted = Fraction(*rate) if isinstance(rate, tuple) else rate
    assert fixed_rate(["ffmpeg", "-i", "x", *options.split()], "OUT") == wanted


@given(
    st.sampled_from([24, 25, 30, 50, 60, 120]),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_a_boundary_is_between_two_slots_and_zero_on_one(rate: int, first: int, at: int) -> None:
    begins = Fraction(first, AUDIO_RATE)
    grid = FrameRateGrid(Fraction(rate), begins)
    sample = first + at
    boundary = grid.boundary(sample)
    assert sample <= boundary <= sample + AUDIO_RATE / rate + 1
    phase = (Fraction(boundary - first, AUDIO_RATE) * rate) % 1
    assert abs(phase - Fraction(1, 2)) < Fraction(rate, AUDIO_RATE)
    zero = grid.origin(Fraction(sample, AUDIO_RATE))
    assert 0 <= Fraction(sample, AUDIO_RATE) - zero <= Fraction(1, rate) + Fraction(1, 10)
    assert (zero - begins) * rate % 1 == 0
    assert (zero * AUDIO_RATE).denominator == 1


def test_a_strange_rate_has_no_grid() -> None:
    assert FrameRateGrid(Fraction(2997, 100), Fraction(0)).origin(Fraction(7, 3)) == Fraction(7, 3)
