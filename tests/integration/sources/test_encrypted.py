"""End-to-end encrypted publications as a source, against a real server and the SDK's encryption."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.media import LiveKitEndpoint, TrackKind
from orchestrator.sources.source import Undecryptable
from tests.kit.livekit.encryption import given, shared
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.sources.encoded import codes_of, samples_of
from tests.kit.sources.watcher import watching

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


def endpoint(server: Server, room: str) -> LiveKitEndpoint:
    return LiveKitEndpoint(server.url, server.token(room, "recorder"))


@pytest.mark.parametrize(
    ("codec", "layers"),
    [
        pytest.param("vp8", "", marks=pytest.mark.all_only),
        ("h264", ""),
        pytest.param("vp9", "", marks=pytest.mark.all_only),
        ("vp9", "L3T3_KEY"),
    ],
)
async def test_every_frame_is_decrypted(livekit_server: Server, codec: str, layers: str) -> None:
    room, keys = f"encrypted-{codec}{layers}", given()
    how: dict[str, Any] = {"layers": layers, "width": 640, "height": 360} if layers else {}
    async with (
        publish(livekit_server, room, video=codec, encryption=shared(), **how),
        watching(endpoint(livekit_server, room), encoded=True, keys=keys) as (source, watcher),
    ):
        await watcher.until(lambda: len(watcher.publications) == 2)
        assert all(each.encrypted and each.receivable for each in watcher.publications.values())
        await source.subscribe(frozenset(watcher.publications))
        video, audio = watcher.sid(TrackKind.VIDEO), watcher.sid(TrackKind.AUDIO)
        await watcher.until(lambda: len(watcher.encoded.get(video, [])) >= 90)
        counts = source.statistics()
        frames, packets = watcher.encoded[video][:], watcher.encoded[audio][:]
    codes = [code for code in codes_of(frames) if code is not None]
    if layers:  # a busy encoder blurs some, encrypted or not
        assert len(codes) > 0.7 * len(frames)
    else:
        assert codes == list(range(codes[0], codes[0] + len(frames)))
    assert counts.frames_undecryptable == 0
    assert set(samples_of(packets)) == {960}
    assert not watcher.of(Undecryptable)


@pytest.mark.parametrize(
    "codec", ["h264", *(pytest.param(name, marks=pytest.mark.all_only) for name in ("vp8", "opus"))]
)
async def test_what_the_server_sends_while_somebody_is_muted_is_no_trouble(
    livekit_server: Server, codec: str
) -> None:
    room = f"encrypted-mute-{codec}"
    video = None if codec == "opus" else codec
    async with (
        publish(livekit_server, room, video=video, audio=not video, encryption=shared()) as there,
        watching(endpoint(livekit_server, room), encoded=True, keys=given()) as (source, watcher),
    ):
        await watcher.until(lambda: watcher.publications)
        await source.subscribe(frozenset(watcher.publications))
        (sid,) = watcher.publications
        await watcher.until(lambda: len(watcher.encoded.get(sid, [])) >= 15)
        track = there.video_track or there.audio_track
        assert track is not None
        track.mute()
        await watcher.until(lambda: watcher.publications[sid].muted)
        before, packets = len(watcher.encoded[sid]), source.statistics().packets_received
        track.unmute()
        await watcher.until(lambda: len(watcher.encoded[sid]) >= before + 15)
        counts = source.statistics()
    assert counts.packets_received > packets
    assert counts.frames_undecryptable == 0
    assert not watcher.of(Undecryptable)
    if video:
        codes_of(watcher.encoded[sid])
