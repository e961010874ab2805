"""The demo stream for real: its process, its WHEP server, its video and audio."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from orchestrator.discovery.demo import discovery as demo
from orchestrator.discovery.demo import server as demo_server
from orchestrator.discovery.demo.discovery import STREAM, DemoDiscovery
from orchestrator.discovery.demo.frames import FLASH, FPS, HEIGHT
from orchestrator.errors import SourceUnreachable
from tests.kit.viewer import SDP, Viewer, watching

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def running() -> AsyncIterator[DemoDiscovery]:
    made = DemoDiscovery()
    assert await made.find("demo") == STREAM
    yield made
    await made.close()


def url_of(discovery: DemoDiscovery) -> str:
    assert discovery.url is not None
    return discovery.url


async def test_looking_for_it_starts_it_once() -> None:
    discovery = DemoDiscovery()
    before = set(psutil.Process().children())
    assert await discovery.find("something else") is None
    assert await discovery.live(5) == [STREAM]
    assert await discovery.live(0) == []
    assert discovery.url is None
    await asyncio.gather(*(discovery.find("demo") for _ in range(5)))
    url = url_of(discovery)
    assert url.startswith("http://127.0.0.1:")
    assert (await discovery.endpoint(STREAM, "recorder-1")).url == url
    (process,) = set(psutil.Process().children()) - before
    await discovery.close()
    assert not process.is_running()
    assert discovery.url is None
    await discovery.close()


async def test_with_an_address_nothing_is_started() -> None:
    before = set(psutil.Process().children())
    discovery = DemoDiscovery("http://127.0.0.1:1/whep")
    assert await discovery.find("demo") == STREAM
    assert (await discovery.endpoint(STREAM, "recorder-1")).url == "http://127.0.0.1:1/whep"
    await discovery.close()
    assert set(psutil.Process().children()) == before


async def test_a_borrowed_stream_is_used_while_it_runs_then_an_own_one(
    running: DemoDiscovery,
) -> None:
    borrower = DemoDiscovery()
    borrower.borrow(url_of(running))
    assert (await borrower.endpoint(STREAM, "recorder-1")).url == running.url
    assert borrower._server is None
    await running.close()
    try:
        url = (await borrower.endpoint(STREAM, "recorder-1")).url
        assert borrower._server is not None
        assert borrower._server.url == url
    finally:
        await borrower.close()


async def test_it_is_started_again_when_it_died(running: DemoDiscovery) -> None:
    assert running._server is not None
    first = running._server._process
    first.kill()
    await first.wait()
    assert running.url is None
    await running.find("demo")
    assert running.url is not None
    assert running._server._process.pid != first.pid


@pytest.mark.parametrize(
    ("code", "timeout_s", "words"),
    [
        ("import sys; sys.exit('no such codec')", 60, "ended with code 1.*no such codec"),
        ("import time; time.sleep(60)", 0.5, "it gave no address in time"),
    ],
)
async def test_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, code: str, timeout_s: float, words: str
) -> None:
    monkeypatch.setattr(demo, "COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(demo, "START_TIMEOUT_S", timeout_s)
    monkeypatch.setattr(demo, "STOP_TIMEOUT_S", 0.1)
    with pytest.raises(SourceUnreachable, match=f"(?s)demo stream could not be started.*{words}"):
        await DemoDiscovery().find("demo")


async def test_video_and_audio_agree(running: DemoDiscovery) -> None:
    async with watching(url_of(running)) as viewer:
        frames, audio_track = await asyncio.gather(viewer.frames(75), viewer.audio_frames(125))
    assert {(one.width, one.height) for one in frames} == {(1280, 720)}
    assert {int(step) for step in np.diff([one.pts or 0 for one in frames])} == {90_000 // FPS}
    assert {int(step) for step in np.diff([one.pts or 0 for one in audio_track])} == {960}
    flashes = [bool(one.to_ndarray()[:HEIGHT][FLASH].mean() > 128) for one in frames]
    tones = [bool(np.abs(one.to_ndarray()).max() > 3000) for one in audio_track]
    assert 2 <= starts(flashes) <= 3
    assert 2 <= starts(tones) <= 3
    # Three of thirty frames, five (six with the codec's delay) of fifty packets.
    assert 5 <= sum(flashes) <= 9
    assert 8 <= sum(tones) <= 18


def starts(values: list[bool]) -> int:
    return sum(now and not before for before, now in pairwise(values))


async def test_a_second_viewer_and_the_end_of_the_first(running: DemoDiscovery) -> None:
    async with watching(url_of(running)) as first:
        await first.frames(1)
        async with watching(url_of(running)) as second, httpx.AsyncClient() as client:
            await second.frames(3)
            assert (await client.delete(first.session)).status_code == 200
            assert (await client.delete(first.session)).status_code == 404
            async with asyncio.timeout(5):
                await first.ended.wait()
            assert len(await second.frames(10)) == 10


async def test_offers_that_are_none(running: DemoDiscovery) -> None:
    url = url_of(running)
    offer = await sdp()
    async with httpx.AsyncClient() as client:
        for content, headers, status in (
            (offer, {"Content-Type": "text/plain"}, 415),
            ("hello", SDP, 400),
            (offer.replace("VP8", "VP9"), SDP, 400),
            (offer.replace("a=ice-ufrag", "a=x"), SDP, 400),
            ("x" * (demo_server.MAX_OFFER_BYTES + 1), SDP, 413),
        ):
            response = await client.post(url, content=content, headers=headers)
            assert (response.status_code, bool(response.text)) == (status, True)
        assert (await client.get(url)).status_code == 405
        assert (await client.delete(f"{url}/unknown")).status_code == 404


async def sdp() -> str:
    viewer = Viewer()
    offer = await viewer.offer()
    await viewer.connection.close()
    return offer


@contextmanager
def process(*, stdin: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`orchestrator demo-stream`, once it has printed its address."""
    code = "from orchestrator.discovery.demo.server import run; run()"
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as started:
        try:
            assert started.stdout is not None
            yield started, started.stdout.readline().strip()
        finally:
            started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    with process(stdin=subprocess.DEVNULL) as (started, _):
        started.send_signal(number)
        output, errors = started.communicate(timeout=2)
    assert (started.returncode, output, errors) == (0, "", "")


def test_the_end_of_its_input_ends_it() -> None:
    with process(stdin=subprocess.PIPE) as (started, _):
        output, errors = started.communicate(timeout=2)
    assert (started.returncode, output, errors) == (0, "", "")


async def test_a_signal_ends_it_with_a_viewer() -> None:
    with process(stdin=subprocess.DEVNULL) as (started, url):
        async with watching(url) as viewer:
            await viewer.frames(1)
            started.send_signal(signal.SIGTERM)
            _, errors = await asyncio.to_thread(started.communicate, timeout=2)
            assert (started.returncode, errors) == (0, "")
            async with asyncio.timeout(5):
                await viewer.ended.wait()
