"""Who seeks through a long copy has many pieces made: not with all cores of the server."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.errors import Unavailable
from orchestrator.recordings.hls.runs import Runs
from orchestrator.server.hls import piece_makers
from orchestrator.server.hls.kept_bytes import KeptBytes
from orchestrator.server.hls.recordings import HlsRecordings
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import camera, video_frames, video_packets
from tests.kit.recordings.hls import ID, add_segment, begin

PIECES = 6


class Making:
    """What is made in threads; it waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.go, self._lock = 0, threading.Event(), threading.Lock()
        make = Runs.data

        def held(*args: Any) -> bytes:
            with self._lock:
                self.now += 1
            self.go.wait(10)
            return make(*args)

        monkeypatch.setattr(Runs, "data", held)


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    monkeypatch.setattr(piece_makers, "cores_allowed", lambda: 4.0)
    return Making(monkeypatch)


async def _watched(catalog: Catalog, folder: Path) -> None:
    path = folder / "0001.mkv"
    frames = video_frames("h264", 30 * 2 * PIECES, keyframe_every=60)
    write(path, list(video_packets(camera("h264"), frames)))
    await begin(catalog, folder, tracks="all")
    await add_segment(catalog, 1, path, outcome="finished")


def _asked(hls: HlsRecordings) -> list[asyncio.Task[bytes]]:
    return [asyncio.create_task(hls.piece(ID, "1", number)) for number in range(PIECES)]


async def _until(reached: Any) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.01)


async def test_half_of_the_cores_make_pieces_and_threads_are_left_for_others(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, making: Making
) -> None:
    await _watched(catalog, tmp_path)
    asked = _asked(hls)
    await _until(lambda: hls._makers._waiting == PIECES)
    await _until(lambda: making.now == 2)
    async with asyncio.timeout(5):
        await asyncio.to_thread(int)
    assert making.now == 2
    making.go.set()
    assert all(await asyncio.gather(*asked))
    assert making.now == PIECES


async def test_what_is_more_than_can_wait_is_refused_and_had_later(
    hls: HlsRecordings,
    catalog: Catalog,
    tmp_path: Path,
    making: Making,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(piece_makers, "MOST_WAITING", 3)
    await _watched(catalog, tmp_path)
    asked = _asked(hls)
    await _until(lambda: sum(task.done() for task in asked) == PIECES - 3)
    making.go.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    refused = [number for number, one in enumerate(found) if isinstance(one, Unavailable)]
    assert len(refused) == PIECES - 3
    assert "are being made for players" in str(found[refused[0]])
    assert await hls.piece(ID, "1", refused[0])


async def test_what_nobody_waits_for_any_more_is_not_made(
    hls: HlsRecordings, catalog: Catalog, tmp_path: Path, making: Making
) -> None:
    await _watched(catalog, tmp_path)
    asked = _asked(hls)
    await _until(lambda: hls._makers._waiting == PIECES and making.now == 2)
    for task in asked[:-1]:
        task.cancel()
    await _until(lambda: hls._makers._waiting == 3)
    making.go.set()
    assert await asked[-1]
    await asyncio.gather(*asked, return_exceptions=True)
    assert making.now == 3
    assert all(await asyncio.gather(*_asked(hls)))


async def test_one_that_hangs_up_takes_it_from_nobody_else() -> None:
    kept, go, ended = KeptBytes(), asyncio.Event(), asyncio.Queue[bool]()

    async def make() -> bytes:
        try:
            await go.wait()
        finally:
            ended.put_nowait(go.is_set())
        return b"x"

    def ask() -> asyncio.Task[bytes]:
        return asyncio.create_task(kept.get(("a", "1", 0, -1), make))

    first, second = ask(), ask()
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    assert ended.empty()
    second.cancel()
    third = ask()
    assert not await ended.get()
    assert not third.done()
    go.set()
    assert await third == b"x"
    assert await ended.get()
    assert not kept._waiting
