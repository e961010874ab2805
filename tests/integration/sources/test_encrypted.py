"""End-to-end encrypted publications as a source, against a real server and the SDK's encryption."""

from __future__ import annotations

import pytest

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import LiveKitEndpoint, TrackKind
from orchestrator.sources.source import Undecryptable
from tests.kit.livekit.encryption import PASSPHRASE, shared
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.sources.encoded import codes_of, samples_of
from tests.kit.sources.watcher import watching

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


def endpoint(server: Server, room: str) -> LiveKitEndpoint:
    return LiveKitEndpoint(server.url, server.token(room, "recorder"))


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_every_frame_is_decrypted(livekit_server: Server, codec: str) -> None:
    room, keys = f"encrypted-{codec}", E2eeKeys(passphrase=PASSPHRASE)
    async with (
        publish(livekit_server, room, video=codec, encryption=shared()),
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
    assert codes == list(range(codes[0], codes[0] + len(frames)))
    assert (counts.frames_undecryptable, counts.frames_undecodable) == (0, 0)
    assert set(samples_of(packets)) == {960}
    assert not watcher.of(Undecryptable)
