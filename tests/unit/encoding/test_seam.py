"""Segments made by the recorder's own writers, joined: their audio goes on as if it were one."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from orchestrator.encoding.joining.join import join
from orchestrator.encoding.joining.seam import Part, audio_filter_of
from orchestrator.encoding.pipeline.command import Pipeline, Pipelines, command
from orchestrator.media import AUDIO_RATE
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.segment_audio_overlap import PACKET_GRID, RecentAudio
from orchestrator.pipes.timeline_items import AudioItem, VideoItem
from orchestrator.pipes.writer import SegmentWriter
from tests.kit.fakes import REAL, REAL_FFMPEG, frame_times
from tests.kit.signals.codes import draw

pytestmark = pytest.mark.slow

PIPELINES = Pipelines.load(None)
SIZE = CanvasSize(320, 180)
HERTZ, AMPLITUDE = 1010, 8000
"""Its periods fit into no packet and no step of the grid: what is displaced is heard."""
CHUNK, FRAME = 960, 1600
"""Samples of one audio frame, and in the time of one video frame."""


class Tape:
    """One tone and numbered frames, recorded in as many segments as are asked for."""

    def __init__(self, folder: Path, name: str, begins: int = 0) -> None:
        self.pipeline: Pipeline = PIPELINES.get(name)
        self.parts: list[Part] = []
        self.folder = folder
        self._queue = FrameQueue(2**28)
        self._queue.next_sample = self._sample = begins
        self._recent = RecentAudio()
        self._frames = -(-begins // FRAME)

    def record(self, until: int, *, shared: bool = True) -> None:
        """The next segment, up to this sample."""
        self._fill(until)
        number = len(self.parts)
        fifo, path = Fifo(self.folder / f"{number}.nut"), self.folder / f"{number}.segment"
        writer = SegmentWriter(
            fifo,
            self._queue,
            SIZE,
            open_timeout_s=20,
            on_first=lambda: None,
            recent=self._recent if shared else None,
        )
        writer.start()
        writer.finish()
        subprocess.run(self._command(fifo.path, path), check=True, stderr=subprocess.DEVNULL)
        assert writer.join(10)
        assert writer.problem is None
        counts = writer.statistics()
        assert counts.video_dropped == 0
        self.parts.append(Part(path, counts.begins_s, counts.end_s))

    async def joined(self) -> Path:
        """All segments in one file."""
        output = self.folder / "joined"
        await join(
            REAL_FFMPEG,
            self.parts,
            output,
            container=self.pipeline.container,
            keep_video=True,
            keep_audio=True,
            tags={},
            log_path=self.folder / "join.log",
        )
        return output

    def _fill(self, until: int) -> None:
        while self._frames * FRAME < until:
            frame = draw(self._frames % 256, width=SIZE.width, height=SIZE.height, fps=30)
            self._queue.put_nowait(VideoItem(self._frames * 3000, frame))
            self._frames += 1
        while self._sample < until:
            count = min(CHUNK, until - self._sample)
            at = np.arange(self._sample, self._sample + count)
            tone = AMPLITUDE * np.sin(2 * np.pi * HERTZ * at / AUDIO_RATE)
            samples = np.repeat(tone.astype(np.int16), 2).reshape(-1, 2)
            self._queue.put_nowait(AudioItem(self._sample, count, samples))
            self._sample += count

    def _command(self, fifo: Path, output: Path) -> list[str]:
        return command(
            self.pipeline,
            ffmpeg=str(REAL),
            source=str(fifo),
            output=str(output),
            width=SIZE.width,
            height=SIZE.height,
            video_bitrate_bps=300_000,
            audio_bitrate_bps=96_000,
            speed=len(self.pipeline.speeds) - 1,
        )


def packets(path: Path) -> list[float]:
    """Where each packet of audio begins, in seconds."""
    with av.open(str(path)) as file:
        found: list[av.Packet[Any]] = list(file.demux(audio=0))
    return [float(p.pts * p.time_base) for p in found if p.pts is not None and p.size]


def wrong_samples(path: Path) -> list[float]:
    """Where what is decoded is no longer the tone, in seconds: a pure tone continues itself."""
    with av.open(str(path)) as file:
        audio = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    swing = 2 * np.cos(2 * np.pi * HERTZ / AUDIO_RATE)
    wrong = np.abs(audio[2:] - swing * audio[1:-1] + audio[:-2]) > 0.05 * AMPLITUDE / 2**15
    wrong |= _level(audio)[1:-1] < 0.8 * AMPLITUDE / 2**15
    inside = slice(AUDIO_RATE // 10, -AUDIO_RATE // 10)
    places = np.arange(1, len(audio) - 1)[inside][wrong[inside]]
    return [round(float(place) / AUDIO_RATE, 4) for place in places]


def _level(audio: np.ndarray) -> np.ndarray:
    """The amplitude of the tone, over ten of its periods."""
    window = np.ones(10 * AUDIO_RATE // HERTZ)
    power = np.convolve(audio.astype(np.float64) ** 2, window / len(window), "same")
    return np.asarray(np.sqrt(2 * power))


async def test_the_measure_sees_a_seam(tmp_path: Path) -> None:
    """What segments that share nothing audio like."""
    tape = Tape(tmp_path, "mp4")
    tape.record(60_000, shared=False)
    tape.record(120_000, shared=False)
    assert audio_filter_of(tape.parts) is None
    wrong = wrong_samples(await tape.joined())
    assert wrong
    assert all(1.2 < place < 1.3 for place in wrong)


@pytest.mark.parametrize("name", ["mp4", "webm", "av1"])
async def test_no_seam_can_be_heard(tmp_path: Path, name: str) -> None:
    tape = Tape(tmp_path, name)
    ends = list(accumulate([100_000, 77_777, 123_456, 30_000]))
    for end in ends:
        tape.record(end)
    assert [part.offset_s * AUDIO_RATE % PACKET_GRID for part in tape.parts] == [0, 0, 0, 0]
    assert [part.end_s for part in tape.parts] == [end / AUDIO_RATE for end in ends]
    output = await tape.joined()
    assert wrong_samples(output) == []
    packet_s = 0.02 if name == "webm" else 1024 / AUDIO_RATE
    steps = [after - before for before, after in pairwise(packets(output))]
    assert steps == pytest.approx([packet_s] * len(steps), abs=0.0011)
    assert frame_times(output) == pytest.approx(
        [n / 30 for n in range(-(-ends[-1] // FRAME))], abs=0.0015
    )


@pytest.mark.parametrize("name", ["mp4", "webm"])
async def test_a_file_may_begin_anywhere(tmp_path: Path, name: str) -> None:
    """As a later part does, or what a new worker goes on with."""
    tape = Tape(tmp_path, name, begins=12_345)
    for end in (20_000, 40_000, 90_000, 150_000):
        tape.record(end)
    begins = [round(part.offset_s * AUDIO_RATE) for part in tape.parts]
    assert begins == [12_345, 12_345, 27_705, 73_785], "never before the first"
    # Two that begin together can't be distinguished: the shorter one's end is heard.
    assert all(place < 0.25 for place in wrong_samples(await tape.joined()))
    for _ in range(2):
        del tape.parts[0]
        assert wrong_samples(await tape.joined()) == []


def cut_off(path: Path, at_s: float) -> None:
    """Leaves out of an MP4 what is behind this moment, as when its ffmpeg was killed."""
    whole = path.rename(path.with_name("whole"))
    with av.open(str(whole)) as file, av.open(str(path), "w", format="mp4") as cut:
        streams = {each.index: cut.add_stream_from_template(each) for each in file.streams}
        for packet in file.demux():
            if packet.pts is not None and packet.pts * packet.time_base < at_s:
                packet.stream = streams[packet.stream.index]
                cut.mux(packet)


async def test_what_a_killed_ffmpeg_lost_is_taken_from_the_next(tmp_path: Path) -> None:
    tape = Tape(tmp_path, "mp4")
    tape.record(100_000)
    tape.record(150_000)
    first, second = tape.parts
    assert second.offset_s == 92_160 / AUDIO_RATE
    cut_off(first.path, 94_000 / AUDIO_RATE)
    tape.parts[0] = replace(first, closed=False)
    output = await tape.joined()
    assert wrong_samples(output) == []
    assert packets(output)[-1] > 3.05


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("offset_s", [1.08, 1.92], ids=["short gap", "long gap"])
@pytest.mark.parametrize("name", ["mp4", "webm"])
async def test_a_gap_takes_nothing_of_what_follows(
    tmp_path: Path, name: str, offset_s: float, closed: bool
) -> None:
    """The first should hold more than it does, up to where the second is long under way."""
    tape = Tape(tmp_path, name)
    tape.record(48_000)
    tape.record(150_000)
    first, second = tape.parts
    count = len(packets(second.path))
    tape.parts = [
        replace(first, end_s=2.5, closed=closed),
        replace(second, offset_s=offset_s, end_s=4.0),
    ]
    found = [at for at in packets(await tape.joined()) if at > offset_s - 0.03]
    assert len(found) == count


async def test_what_a_later_one_may_not_hold_is_the_earlier_ones(tmp_path: Path) -> None:
    tape = Tape(tmp_path, "mp4")
    tape.record(100_000)
    tape.record(150_000)
    first, second = tape.parts
    cut_off(second.path, 2_000 / AUDIO_RATE)
    tape.parts[1] = replace(second, closed=False)
    assert packets(await tape.joined())[-1] > (100_000 - 1024) / AUDIO_RATE
    assert first.end_s is not None
    assert not tape.parts[1].holds(first.end_s)
    assert replace(second, end_s=9.0, closed=False).holds(first.end_s)


async def test_as_many_seams_as_a_recording_can_have(tmp_path: Path) -> None:
    tape = Tape(tmp_path, "mp4")
    tape.record(48_000)
    (part,) = tape.parts
    tape.parts = [Part(part.path, 0.64 * n, 0.64 * n + 1) for n in range(300)]
    begins = packets(await tape.joined())
    steps = {round((after - before) * AUDIO_RATE) for before, after in pairwise(begins)}
    assert steps == {1024}


def test_the_filter_is_no_longer_than_an_argument_may_be() -> None:
    days = [Part(Path("x"), 1_700_000 + 60.0 * n, 1_700_061 + 60.0 * n) for n in range(5000)]
    found = audio_filter_of(days)
    assert found is not None
    assert len(found) < 2**17
