"""RTMP, SRT, RTSP and files become recordings: real senders, the files decoded again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.managing import managing
from tests.kit.ports import free_port
from tests.kit.recordings.copied import decode_errors, event_log
from tests.kit.recordings.waits import (
    FPS,
    eventually,
    received,
    until,
    until_more,
    until_received,
    until_state,
)
from tests.kit.signals.reading import Reading, read
from tests.kit.sources.url_sender import Film, sending

pytestmark = pytest.mark.real_time

NEAR_S = 0.015
REORDERED = 4
"""Frames at the end of a copy: some of them had not come that are shown before others."""

KEY = "a-stream-key-nobody-may-see"

Managed = Callable[[str], AbstractAsyncContextManager[Manager]]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of numbered frames with B-frames, and of beeps."""
    return Film().make(tmp_path_factory.mktemp("film") / "film.mkv")


@pytest.fixture
def managed(tmp_path: Path) -> Managed:
    """A manager that knows the stream "studio", which is at the given address."""

    @asynccontextmanager
    async def manage(url: str) -> AsyncIterator[Manager]:
        settings = Settings(
            output_directory=tmp_path,
            database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
            discovery=["demo"],
            streams={"studio": StreamSettings.model_validate({"url": url})},
        )
        async with managing(settings) as manager:
            yield manager
        assert _readers() == []

    return manage


def _readers() -> list[str]:
    """The ffmpegs that read for a worker."""
    lines = [" ".join(each.cmdline()) for each in psutil.Process().children(recursive=True)]
    return [line for line in lines if "pipe:1" in line]


def asked(output_format: str | None, pipeline: str | None = None) -> StartRequest:
    """For the stream."""
    return StartRequest("studio", output_format, pipeline)


async def record(manager: Manager, request: StartRequest, frames: int = 3 * FPS) -> Recording:
    """Start, let that many frames come, stop."""
    await manager.start(request)
    await until_received(manager, "studio", frames)
    return await manager.stop("studio")


def check(ended: Recording, codecs: tuple[str, str], *, late: int = 0) -> Reading:
    """Every frame once and in order, audio without a gap, A/V as they were sent.

    The times of the first `late` frames may be off.
    """
    reading = read(Path(ended.output_path))
    assert (ended.state, ended.error) == ("completed", None)
    assert (reading.video_codec, reading.audio_codec) == codecs
    whole = reading.codes[: -REORDERED or None]
    first = whole[0][1]
    assert [code for _, code in whole] == list(range(first, first + len(whole)))
    assert reading.in_order_and_once
    assert len(reading.codes) >= 2 * FPS
    steps = [b - a for (a, _), (b, _) in pairwise(whole[late:])]
    assert max(steps) - min(steps) < 0.0035, "Matroska counts milliseconds"
    assert len(reading.offsets_s) >= 2
    assert max(map(abs, reading.offsets_s)) < NEAR_S, reading.offsets_s
    assert decode_errors(Path(ended.output_path)) == []
    return reading


@pytest.mark.parametrize(
    ("output_format", "pipeline", "codecs"),
    [
        ("mp4", "copy", ("h264", "aac")),
        pytest.param("mp4", None, ("h264", "aac"), marks=pytest.mark.all_only),
        pytest.param("mkv", "copy", ("h264", "aac"), marks=pytest.mark.all_only),
        pytest.param("webm", None, ("vp9", "opus"), marks=pytest.mark.all_only),
        pytest.param("av1", None, ("av1", "aac"), marks=pytest.mark.all_only),
    ],
)
async def test_a_publisher_of_rtmp_is_recorded_as_it_sends(
    managed: Managed,
    film: Path,
    output_format: str,
    pipeline: str | None,
    codecs: tuple[str, str],
) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    async with managed(f"{url}?listen=1") as manager, sending(film, url):
        ended = await record(manager, asked(output_format, pipeline))
        log = await event_log(manager, ended)
    print(ended.figures, log)
    check(ended, codecs)
    written = [log, str(ended.figures), *_texts(Path(ended.output_path).parent)]
    assert not any(KEY in text for text in written)


def _texts(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.read_bytes().decode("latin-1") for path in files]


async def test_a_server_of_srt_is_read(managed: Managed, film: Path) -> None:
    port = free_port()
    async with (
        sending(film, f"srt://127.0.0.1:{port}?mode=listener&passphrase={KEY}"),
        managed(f"srt://127.0.0.1:{port}?passphrase={KEY}") as manager,
    ):
        ended = await record(manager, asked("mkv", "copy"))
    check(ended, ("h264", "aac"))


async def test_a_sender_that_goes_and_comes_back_is_one_file_with_a_gap(
    managed: Managed, film: Path
) -> None:
    url = f"srt://127.0.0.1:{free_port()}"
    async with managed(f"{url}?mode=listener") as manager:
        async with sending(film, url):
            await manager.start(asked("mkv", "copy"))
            await until_received(manager, "studio", FPS)
        await until_state(manager, "studio", "reconnecting")
        async with sending(film, url):
            await until_state(manager, "studio", "recording")
            await until_more(manager, "studio", FPS)
            ended = await manager.stop("studio")
        log = await event_log(manager, ended)
    print(log, ended.figures)
    assert (ended.state, ended.figures["source"]["reconnects"]) == ("completed", 1)
    reading = read(Path(ended.output_path))
    steps = [b - a for (a, _), (b, _) in pairwise(reading.codes)]
    jumps = [step for step in steps if step > 0.2]
    assert len(jumps) == 1, "the gap lasts as long as nothing came"
    assert jumps[0] < 10
    offsets = sorted(map(abs, reading.offsets_s))
    # AAC's first packet overlaps with the last one before the gap: a beep there begins with it.
    assert offsets[-2] < NEAR_S
    assert offsets[-1] < NEAR_S + 1024 / 48_000


@pytest.mark.all_only
async def test_a_file_is_recorded_at_its_own_speed_until_it_ends(
    managed: Managed, tmp_path: Path
) -> None:
    short = Film(seconds=3).make(tmp_path / "a short film.mkv")
    async with managed(short.as_uri()) as manager:
        started = await manager.start(asked("mkv", "copy"))
        async with asyncio.timeout(30):
            while (ended := await manager.get(started.id)).state != "completed":
                await asyncio.sleep(0.05)
    reading = check(ended, ("h264", "aac"))
    assert reading.numbers == list(range(3 * FPS))
    assert ended.reason == "the file ended"


@pytest.mark.all_only
async def test_a_publisher_of_rtsp_is_recorded(managed: Managed, film: Path) -> None:
    url = f"rtsp://127.0.0.1:{free_port()}/studio"
    async with managed(f"{url}?listen=1") as manager, sending(film, url):
        ended = await record(manager, asked("mkv", "copy"))
    check(ended, ("h264", "aac"), late=1)  # FFmpeg doesn't know when the first one is shown


@pytest.mark.all_only
@pytest.mark.parametrize(
    ("video", "audio", "options", "codecs"),
    [
        (
            "libx265",
            "aac",
            {"preset": "ultrafast", "x265-params": "log-level=error:open-gop=1"},
            ("hevc", "aac"),
        ),
        ("libx264", "libmp3lame", {"bf": "0", "preset": "ultrafast"}, ("h264", "mp3")),
        ("libx264", "libopus", {"bf": "3", "preset": "ultrafast"}, ("h264", "opus")),
    ],
)
async def test_other_codecs_over_srt(
    managed: Managed,
    tmp_path: Path,
    video: str,
    audio: str,
    options: dict[str, str],
    codecs: tuple[str, str],
) -> None:
    film = Film(video, audio, options=tuple(options.items())).make(tmp_path / "film.mkv")
    url = f"srt://127.0.0.1:{free_port()}"
    async with managed(f"{url}?mode=listener") as manager, sending(film, url):
        ended = await record(manager, asked("mkv", "copy"))
    check(ended, codecs)


@pytest.mark.all_only
async def test_a_killed_worker_s_ffmpeg_ends_with_it_and_the_next_one_listens(
    managed: Managed, film: Path
) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}"
    async with managed(f"{url}?listen=1") as manager, sending(film, url):
        started = await manager.start(asked("mkv", "copy"))
        await until_received(manager, "studio", FPS)
        row = await manager.status("studio")
        assert row is not None
        assert row.worker_pid is not None
        reader = row.figures["processes"]["input"]["pid"]
        psutil.Process(row.worker_pid).kill()
        await eventually(lambda: not psutil.pid_exists(reader), _readers, within_s=5)

        def received_again(row: Recording) -> int:
            now = row.figures["processes"]["input"]
            return received(row) if now and now["pid"] != reader else 0

        await until(manager, "studio", received_again, FPS)
        ended = await manager.stop("studio")
    assert (ended.id, ended.state) == (started.id, "completed")
    assert len(read(Path(ended.output_path)).codes) >= 2 * FPS
