"""Several microphones in a room: each is heard, whenever it comes and goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from livekit import rtc

from orchestrator.media import LiveKitEndpoint, TrackSource
from orchestrator.sources.aiortc.receiver_tap import ReceiverTap
from orchestrator.sources.livekit.session import LiveKitSession
from orchestrator.sources.reconnecting import ReconnectingSource
from orchestrator.sources.source import ConnectionLost, ConnectionRestored, FrameReceived, Source
from tests.kit.livekit.crowd import conference, microphones, speak
from tests.kit.livekit.server import Server
from tests.kit.network import wired
from tests.kit.signals.tones import TONES, WINDOW, Audio, heard
from tests.kit.sources.watcher import Watcher, watching

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


class Ears:
    """A watcher that also keeps the latest half second of each publication."""

    def __init__(self, source: Source, watcher: Watcher) -> None:
        self.source, self.watcher = source, watcher
        self._latest: dict[str, Audio] = {}
        self._there: frozenset[str] = frozenset(watcher.publications)

    def listen(self, event: FrameReceived) -> None:
        samples = event.frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.float32) / 2**15
        known = self._latest.get(event.sid, np.zeros(0, np.float32))
        self._latest[event.sid] = np.concatenate([known, samples])[-WINDOW:]

    async def until(self, *tones: int, timeout_s: float = 15) -> None:
        """Receives all there is until exactly these tones come, each of one publication."""
        await self._follow(lambda: sorted(self._tones()) == sorted(tones), timeout_s)

    def taps(self) -> list[ReceiverTap]:
        """What receives, inside."""
        assert isinstance(self.source, ReconnectingSource)
        assert isinstance(self.source._connection, LiveKitSession)
        assert self.source._connection._peer is not None
        return list(self.source._connection._peer._taps.values())

    def _tones(self) -> list[int]:
        return [
            tone
            for sid in self.watcher.publications
            if sid in self._latest
            for row in heard(self._latest[sid]).rows
            for tone in row
        ]

    def forget(self) -> None:
        """From now on what comes from now on counts."""
        self._latest.clear()

    async def _follow(self, condition: Callable[[], bool], timeout_s: float) -> None:
        while not condition():
            await self.source.subscribe(self._there)
            await self.watcher.until(lambda: condition() or self._changed(), timeout_s)

    def _changed(self) -> bool:
        before, self._there = self._there, frozenset(self.watcher.publications)
        return self._there != before


@asynccontextmanager
async def hearing(server: Server, room: str, port: int | None = None) -> AsyncIterator[Ears]:
    url = f"ws://127.0.0.1:{port or server.port}"
    endpoint = LiveKitEndpoint(url, server.token(room, "recorder"))
    async with watching(endpoint, renew=lambda: endpoint) as (source, watcher):
        ears = Ears(source, watcher)
        watcher.listeners.append(ears.listen)
        yield ears


async def test_all_who_were_there_before_are_heard(livekit_server: Server) -> None:
    async with (
        microphones(livekit_server, "four", 4) as people,
        hearing(livekit_server, "four") as ears,
    ):
        await ears.until(*(each.tone for each in people))


async def test_who_comes_late_leaves_or_comes_back_is_heard_while_there(
    livekit_server: Server,
) -> None:
    room = "to and fro"
    async with (
        microphones(livekit_server, room, 3) as (anna, ben, carla),
        hearing(livekit_server, room) as ears,
    ):
        await ears.until(anna.tone, ben.tone, carla.tone)
        async with microphones(livekit_server, room, 2, first=3) as (late, later):
            await ears.until(*(each.tone for each in (anna, ben, carla, late, later)))
            await anna.leave()
            await ears.until(*(each.tone for each in (ben, carla, late, later)))
        await ears.until(ben.tone, carla.tone)
        await anna.join()
        await ben.unpublish()
        await ears.until(anna.tone, carla.tone)
        await ben.publish()
        await ears.until(anna.tone, ben.tone, carla.tone)
        assert len(ears.watcher.publications) == 3


async def test_a_microphone_that_stalls_does_not_take_the_others_along(
    livekit_server: Server,
) -> None:
    room = "stalls"
    async with (
        microphones(livekit_server, room, 3) as people,
        hearing(livekit_server, room) as ears,
    ):
        anna, *others = people
        await ears.until(*(each.tone for each in people))
        anna.stalled = True
        ears.forget()
        await ears.until(*(each.tone for each in others))
        anna.stalled = False
        await ears.until(*(each.tone for each in people))


@pytest.mark.all_only
async def test_a_host_with_a_microphone_and_a_tab_s_audio_is_heard_twice(
    livekit_server: Server,
) -> None:
    room = "tab"
    async with (
        conference(livekit_server, room, audio=False) as people,
        microphones(livekit_server, room, 1, first=3) as (other,),
    ):
        host, (anna, ben) = people.host.room, people.guests
        tab = rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO
        *_, speaking = await speak(host, TONES[4])
        *_, playing = await speak(host, TONES[5], source=tab)
        async with hearing(livekit_server, room) as ears:
            tones = [anna.tone, ben.tone, other.tone, TONES[4], TONES[5]]
            await ears.until(*tones)
            await people.late.join()
            await ears.until(*tones, people.late.tone)
            sources = {each.source for each in ears.watcher.publications.values()}
            assert {TrackSource.CAMERA, TrackSource.SCREEN_SHARE_AUDIO} < sources
            await ears.watcher.until(lambda: ears.watcher.codes)
        speaking.cancel()
        playing.cancel()


async def test_everybody_is_heard_again_after_the_connection_was_lost(
    livekit_server: Server,
) -> None:
    room = "lost"
    async with (
        wired(livekit_server.port) as wire,
        microphones(livekit_server, room, 3) as people,
        hearing(livekit_server, room, port=wire.port) as ears,
    ):
        tones = [each.tone for each in people]
        await ears.until(*tones)
        await wire.cut()
        await ears.watcher.until(lambda: ears.watcher.of(ConnectionLost))
        await wire.restore()
        await ears.watcher.until(lambda: ears.watcher.of(ConnectionRestored))
        ears.forget()
        await ears.until(*tones)


@pytest.mark.all_only
async def test_many_who_join_and_leave_leave_no_threads_and_no_decoders(
    livekit_server: Server,
) -> None:
    room = "many"
    async with (
        microphones(livekit_server, room, 1) as (anna,),
        hearing(livekit_server, room) as ears,
    ):
        for _ in range(2):
            async with microphones(livekit_server, room, 5, first=1) as people:
                await ears.until(anna.tone, *(each.tone for each in people))
                assert decoder_threads() == ["audio-decoder-0"]
            await ears.until(anna.tone)
        taps = ears.taps()
        assert len(taps) == 6, "the server uses its m-lines again"
        async with asyncio.timeout(10):
            while sum(bool(getattr(tap._output, "_codec")[1]) for tap in taps) > 1:  # noqa: B009
                await asyncio.sleep(0.05)
        assert sum(len(tap.receiver.transport._rtp_router.ssrc_table) for tap in taps) == len(taps)


def decoder_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if "decoder" in each.name]
