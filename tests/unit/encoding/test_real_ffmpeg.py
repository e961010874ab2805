"""The real ffmpeg with every built-in pipeline and the documented ones; the files are decoded."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import av
import pytest

from orchestrator.encoding.pipeline.command import Pipelines, command
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.ffmpeg_environment import passed_on
from tests.kit.documented import FORGETFUL, documented_pipelines
from tests.kit.fakes import HEIGHT, WIDTH, Feeder, beeps, frame_times, seconds, until

pytestmark = pytest.mark.slow

BUILT_IN = ["av1", "av1-svt", "mp4", "webm"]
TAGS = {
    "title": "Grüße; 100 %",
    "comment": "it's = fine",
    "stream_id": "room/1",
    "creation_time": "2026-01-02T03:04:05.000000Z",
}


def jittered(count: int) -> list[int]:
    """PTS of frames that come at about 30 a second, with a gap of one second in the middle.

    The first stands 25 ms behind the beginning, as it may after a split.
    """
    chance = random.Random(4)
    pts = [2250]
    for number in range(1, count):
        pts.append(pts[-1] + 3000 + chance.randint(-1200, 1200) + 90_000 * (number == count // 2))
    return pts


class Bench:
    """One run of one pipeline on a named pipe."""

    def __init__(self, folder: Path, pipelines: Pipelines, name: str) -> None:
        self.pipeline = pipelines.get(name)
        self.folder = folder
        self.output = folder / f"0001{self.pipeline.segment_suffix}"
        self.fifo = folder / "in.nut"

    async def start(self) -> Run:
        os.mkfifo(self.fifo)
        argv = command(
            self.pipeline,
            ffmpeg=await find_ffmpeg(None, self.pipeline.encoders),
            source=str(self.fifo),
            output=str(self.output),
            width=WIDTH,
            height=HEIGHT,
            video_bitrate_bps=200_000,
            audio_bitrate_bps=64_000,
            tags=TAGS,
            aside=str(self.folder / "aside"),
        )
        run = Run(argv, self.folder / "log", environment=passed_on())
        await run.start()
        return run

    async def record(self, pts: list[int]) -> RunResult:
        run = await self.start()
        feeder = Feeder(self.fifo, pts)
        feeder.start()
        return await asyncio.wait_for(run.wait(), 60)


@pytest.mark.parametrize("name", BUILT_IN)
async def test_every_frame_keeps_its_time(tmp_path: Path, name: str) -> None:
    pts = jittered(120)
    bench = Bench(tmp_path, Pipelines.load(None), name)
    ending = await bench.record(pts)
    assert (ending.outcome, ending.returncode) == ("finished", 0)
    times = frame_times(bench.output)
    # WebM counts milliseconds; MP4 keeps the input's clock.
    tolerance_s = 0.0006 if name == "webm" else 1e-9
    wanted = [p / 90_000 for p in pts]
    assert len(times) == len(wanted)
    assert max(abs(a - b) for a, b in zip(times, wanted, strict=True)) <= tolerance_s
    # Encoder delay is taken away again: each beep begins where it was put.
    assert [round(at % 1.0, 2) % 1.0 for at in beeps(bench.output)] == [0.0] * 5


@pytest.mark.parametrize("name", BUILT_IN)
async def test_tags_codecs_and_key_frames(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path, Pipelines.load(None), name)
    await bench.record([n * 3000 for n in range(150)])
    with av.open(str(bench.output)) as file:
        tags = {key.lower(): value for key, value in file.metadata.items()}
        assert {key: tags.get(key) for key in TAGS} == TAGS
        video = file.streams.video[0]
        assert video.codec_context.color_range == 1  # limited
        assert (video.codec_context.width, video.codec_context.height) == (WIDTH, HEIGHT)
        keys = [seconds(p) for p in file.demux(video) if p.is_keyframe and p.size]
    # x264 puts in more where the frame changes.
    for wanted in (0, 2, 4):
        assert min(abs(at - wanted) for at in keys) < 0.05


FORGETFUL_ONES = {
    "mp4": FORGETFUL.format(container="mp4", more=""),
    "faststart": FORGETFUL.format(container="mp4", more=", 'movflags': 'faststart'"),
    "matroska": FORGETFUL.format(container="matroska", more=""),
}


@pytest.mark.parametrize("name", FORGETFUL_ONES)
async def test_a_pipeline_that_forgets_what_is_safe_is_as_safe(tmp_path: Path, name: str) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL_ONES[name])
    await killed_it_loses_two_seconds_at_most(
        Bench(tmp_path, Pipelines.load(tmp_path), "forgetful")
    )


@pytest.mark.parametrize("codec", ["mpeg4", "mpeg2video"])
async def test_encoders_that_have_no_fine_clock_record_too(tmp_path: Path, codec: str) -> None:
    text = FORGETFUL.format(container="matroska", more="").replace("libx264", codec)
    (tmp_path / "old.py").write_text(text)
    bench = Bench(tmp_path, Pipelines.load(tmp_path), "old")
    ending = await bench.record(jittered(120))
    assert (ending.outcome, ending.returncode) == ("finished", 0)
    assert len(frame_times(bench.output)) > 100


@pytest.mark.parametrize("name", BUILT_IN)
async def test_killed_it_loses_two_seconds_at_most(tmp_path: Path, name: str) -> None:
    await killed_it_loses_two_seconds_at_most(Bench(tmp_path, Pipelines.load(None), name))


async def killed_it_loses_two_seconds_at_most(bench: Bench) -> None:
    run = await bench.start()
    # The writer holds the pipe open, as it does when ffmpeg is killed in mid-recording.
    feeder = Feeder(bench.fifo, [n * 3000 for n in range(180)], hold=True)
    feeder.start()
    await until(lambda: feeder.fed_s > 5.9, 60)
    # ffmpeg has taken all that it will get for now: its progress comes to rest.
    await until(lambda: run.begun and time.monotonic() - run.moved_at_s > 0.6, 60)
    ending = await run.kill()
    feeder.end()
    assert ending.outcome == "killed"
    times = frame_times(bench.output)
    assert times == pytest.approx([n / 30 for n in range(len(times))], abs=0.001)
    assert times[-1] >= feeder.fed_s - 2.0
    assert len(beeps(bench.output)) >= 4


async def test_the_end_of_the_input_ends_it_soon(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Pipelines.load(None), "av1")
    run = await bench.start()
    feeder = Feeder(bench.fifo, [n * 3000 for n in range(60)], hold=True)
    feeder.start()
    await asyncio.wait_for(run.wait_until_begun(), 20)
    ending = await run.stop(feeder.end)
    ended_s = time.monotonic()
    assert (ending.outcome, ending.intended) == ("finished", True)
    assert feeder.closed_at_s is not None
    assert ended_s - feeder.closed_at_s < 3
    assert len(frame_times(bench.output)) == 60


async def test_stopped_before_anybody_writes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Pipelines.load(None), "mp4")
    run = await bench.start()

    def end_input() -> None:
        while True:
            try:
                os.close(os.open(bench.fifo, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                time.sleep(0.005)  # ffmpeg has not opened it yet
            else:
                return

    ending = await run.stop(end_input)
    assert ending.intended
    assert ending.returncode >= 0


async def test_the_documented_small_one(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(documented_pipelines()["small.py"])
    pipelines = Pipelines.load(tmp_path)
    assert not pipelines.failures
    bench = Bench(tmp_path, pipelines, "small")
    assert (await bench.record(jittered(60))).outcome == "finished"
    assert frame_times(bench.output) == pytest.approx([p / 90_000 for p in jittered(60)])
    assert bench.pipeline.format == "small"


HLS = """
EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = "mkv", "matroska", "libx264", "aac"
def build(job):
    import ffmpeg
    common = {"c:v": VIDEO_CODEC, "preset:v": "ultrafast", "c:a": AUDIO_CODEC, "g": 30}
    video, audio = job.video.split(), job.audio.asplit()
    recording = ffmpeg.output(video[0], audio[0], job.output, f=CONTAINER, **common)
    playlist = {"f": "hls", "hls_time": 1, "hls_list_size": 0, "hls_playlist_type": "event"}
    live = ffmpeg.output(video[1], audio[1], job.aside + ".m3u8", **common, **playlist)
    return ffmpeg.merge_outputs(recording, live)
"""


async def test_a_users_own_with_hls_beside_the_recording(tmp_path: Path) -> None:
    (tmp_path / "live.py").write_text(HLS)
    bench = Bench(tmp_path, Pipelines.load(tmp_path), "live")
    assert (await bench.record([n * 3000 for n in range(90)])).outcome == "finished"
    assert len(frame_times(bench.output)) == 90
    (playlist,) = tmp_path.glob("*.m3u8")
    assert len(frame_times(playlist)) == 90


async def test_the_documented_one_with_thumbnails(tmp_path: Path) -> None:
    (tmp_path / "thumbnails.py").write_text(documented_pipelines()["thumbnails.py"])
    bench = Bench(tmp_path, Pipelines.load(tmp_path), "thumbnails")
    assert (await bench.record([n * 9000 for n in range(150)])).outcome == "finished"
    assert len(frame_times(bench.output)) == 150
    images = sorted(name for name in os.listdir(tmp_path) if name.endswith(".jpg"))
    assert images == ["aside_0001_00001.jpg", "aside_0001_00002.jpg"]
    with av.open(str(tmp_path / images[0])) as image:
        assert image.streams.video[0].codec_context.width == 320
