"""Rooms whose frames grow, turn, come late or muted: the file has their size, without bars."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import av
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.rooms import Publisher, publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.waits import FPS, until, until_duration, until_more, until_received
from tests.kit.signals.codes import luma_of, read_code
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

Size = tuple[int, int]
SMALL, LARGE, TALL = (320, 200), (640, 400), (200, 320)


class Seen:
    """The frames of a file (or of several, one behind the other)."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.sizes: list[Size] = []
        """Of each run of frames of one size that carry a number, without bars."""
        self.numbers: list[int] = []
        self.barred = self.unnumbered = 0
        frames = [each for path in paths for each in self._frames(path)]
        self.sizes = [size for size, _ in groupby(frames)]

    def _frames(self, path: Path) -> list[Size]:
        found = []
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                luma = luma_of(frame)
                # Below the bars of the code nothing is darker than 40; what surrounds it would be.
                low = luma[frame.height // 2 :]
                barred = low.mean() > 30 and min(low[:, at].mean() for at in (0, -1)) < 30
                code = None if barred else read_code(luma)
                self.barred += barred
                if code is None:
                    self.unnumbered += 1
                    continue
                self.numbers.append(code)
                found.append((frame.width, frame.height))
        return found


async def until_size(manager: Manager, room: str, size: Size) -> None:
    """Wait until a segment with this frame size runs."""

    def reached(row: Recording) -> float:
        video = row.figures.get("video") or {}
        return float((video.get("width"), video.get("height")) == size)

    await until(manager, room, reached, 1)


def grow(publisher: Publisher, size: Size) -> None:
    """The same track goes on with larger frames, as a shared window does."""
    publisher.width, publisher.height = size


def check(row: Recording, seen: Seen) -> None:
    """Nothing was lost on its way, nothing comes twice, and audio has no gap."""
    assert row.state == "completed"
    video = row.figures["video"]
    assert video["dropped"] == 0
    came = video["received"] - video["late"] + video["filled"]
    assert len(seen.numbers) + seen.unnumbered == came
    ordered = [number for number, _ in groupby(seen.numbers)]
    # libvpx's fastest step leaves small changes out of some frames: those show an earlier number.
    wrong = [pair for pair in pairwise(ordered) if pair[0] >= pair[1]]
    assert wrong == [] or row.pipeline == "webm"


@pytest.mark.parametrize("pipeline", ["mp4", pytest.param("webm", marks=pytest.mark.all_only)])
async def test_a_window_that_grows_and_turns(
    manager: Manager, livekit_server: Server, pipeline: str
) -> None:
    room = f"grows {pipeline}"
    async with publish(livekit_server, room, width=SMALL[0], height=SMALL[1]) as publisher:
        started = await manager.start(StartRequest(room, pipeline=pipeline))
        await until_received(manager, room, FPS)
        for size in (LARGE, TALL):
            grow(publisher, size)
            await until_size(manager, room, size)
        await until_more(manager, room, FPS)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    seen = Seen([path])
    assert seen.sizes == [SMALL, LARGE, TALL]
    check(ended, seen)
    (file,) = await manager.catalog.files(started.id)
    assert file.integrity == "whole"
    reading = read(path)
    assert reading.audio_gaps == 0
    # 2 s of each change came before the canvas followed, and that is said.
    (scaled,) = [line for line in ended.figures["warnings"] if "scaled down" in line]
    assert "of up to 640x400" in scaled
    assert any("between black bars" in line for line in ended.figures["warnings"])
    events = await manager.catalog.events(started.id)
    messages = [event.message for event in events if event.kind == "canvas"]
    assert messages == ["frame size 320x200 -> 640x400", "frame size 640x400 -> 200x320"]


@pytest.mark.all_only
async def test_a_muted_camera_counts_with_its_announced_size(
    manager: Manager, livekit_server: Server
) -> None:
    async with publish(livekit_server, "muted", width=TALL[0], height=TALL[1]) as publisher:
        assert publisher.video_track is not None
        publisher.video_track.mute()
        started = await manager.start(StartRequest("muted", "mp4", None, "low"))
        await until_duration(manager, "muted", 1)
        publisher.video_track.unmute()
        await until_received(manager, "muted", 3 * FPS)
        ended = await manager.stop("muted")
    seen = Seen([Path(ended.output_path)])
    assert (seen.sizes, seen.barred) == ([TALL], 0)
    check(ended, seen)
    assert len(await manager.catalog.segments(started.id)) == 1
    assert not any("scaled" in line or "bars" in line for line in ended.figures["warnings"])


@pytest.mark.all_only
async def test_a_camera_that_comes_late(manager: Manager, livekit_server: Server) -> None:
    async with publish(livekit_server, "late", video=None, identity="speaker"):
        started = await manager.start(StartRequest("late", "mp4", None, "low"))
        await until_duration(manager, "late", 2)
        camera = publish(
            livekit_server, "late", identity="camera", audio=False, width=TALL[0], height=TALL[1]
        )
        async with camera:
            await until_size(manager, "late", TALL)
            await until_received(manager, "late", 3 * FPS)
            ended = await manager.stop("late")
    seen = Seen([Path(ended.output_path)])
    check(ended, seen)
    assert seen.sizes[-1] == TALL
    # It followed the announcement, before (nearly) any frame had come.
    assert seen.barred <= FPS // 2
    assert read(Path(ended.output_path)).audio_gaps == 0
    (file,) = await manager.catalog.files(started.id)
    assert file.integrity == "whole"


async def test_three_participants_of_different_sizes(
    manager: Manager, livekit_server: Server
) -> None:
    def camera(identity: str, size: Size, *, audio: bool = True) -> object:
        width, height = size
        return publish(
            livekit_server, "three", identity=identity, audio=audio, width=width, height=height
        )

    async with camera("tall", TALL), camera("small", (160, 90), audio=False):  # type: ignore[attr-defined]
        async with camera("large", LARGE, audio=False):  # type: ignore[attr-defined]
            await manager.start(StartRequest("three", "mp4", None, "low"))
            await until_received(manager, "three", FPS)
            row = await manager.status("three")
            assert row is not None
            first = (row.figures["video"]["width"], row.figures["video"]["height"])
            assert first in (TALL, LARGE), "the first in the room, or the largest"
            await until_more(manager, "three", FPS)
        await until_size(manager, "three", TALL)
        await until_more(manager, "three", FPS)
        ended = await manager.stop("three")
    seen = Seen([Path(ended.output_path)])
    assert seen.sizes in ([TALL], [LARGE, TALL])
    assert ended.figures["video"]["dropped"] == 0


OWN = '''"""H.264 in Matroska, of which nobody said that a file may hold several sizes."""
import ffmpeg

EXTENSION, CONTAINER, VIDEO_CODEC, AUDIO_CODEC = "mkv", "matroska", "libx264", "aac"


def build(job):
    return ffmpeg.output(
        job.video,
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
            "flush_packets": 1,
            "max_interleave_delta": 0,
            **job.metadata,
        },
    )
'''


@pytest.mark.all_only
async def test_where_one_file_can_t_hold_both_another_begins(
    settings_for: Callable[..., Settings], livekit_server: Server, tmp_path: Path
) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "own.py").write_text(OWN)
    async with (
        managing(settings_for(pipelines_directory=tmp_path / "presets")) as manager,
        publish(livekit_server, "parts", width=SMALL[0], height=SMALL[1]) as publisher,
    ):
        started = await manager.start(StartRequest("parts", pipeline="own"))
        await until_received(manager, "parts", FPS)
        grow(publisher, LARGE)
        await until_size(manager, "parts", LARGE)
        await until_more(manager, "parts", FPS)
        ended = await manager.stop("parts")
        files = await manager.catalog.files(started.id)
        segments = await manager.catalog.segments(started.id)
    assert [file.integrity for file in files] == ["whole", "whole"]
    paths = [Path(file.path) for file in files]
    assert [Seen([path]).sizes for path in paths] == [[SMALL], [LARGE]]
    check(ended, Seen(paths))
    assert [segment.part for segment in segments] == [1, 2]
    assert segments[0].end_s == segments[1].offset_s, "to the sample"


@pytest.mark.all_only
async def test_a_fixed_canvas_stays_and_is_reported(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    async with (
        managing(settings_for(canvas="fixed")) as manager,
        publish(livekit_server, "fixed", width=SMALL[0], height=SMALL[1]) as publisher,
    ):
        await manager.start(StartRequest("fixed", "mp4", None, "low"))
        await until_received(manager, "fixed", FPS)
        grow(publisher, LARGE)
        async with asyncio.timeout(30):
            while (row := await manager.status("fixed")) is None or not any(
                "arrives as 640x400" in line for line in row.figures["warnings"]
            ):
                await asyncio.sleep(0.05)
        ended = await manager.stop("fixed")
    assert Seen([Path(ended.output_path)]).sizes == [SMALL]
    assert any("of up to 640x400 were scaled down" in line for line in ended.figures["warnings"])
