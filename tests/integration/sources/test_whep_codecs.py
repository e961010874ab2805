"""VP9, AV1 and H.265 of real encoders, sent by aiortc, over WHEP."""

from __future__ import annotations

import pytest
from aiortc import rtcrtpsender

from orchestrator.media import TrackKind, WhepEndpoint
from tests.kit.sources.encoded import codes_of
from tests.kit.sources.packetizing import Packing
from tests.kit.sources.watcher import watching
from tests.kit.sources.whep_server import TOKEN, whep_server

pytestmark = pytest.mark.real_time

CODECS = [
    pytest.param("VP9", marks=pytest.mark.all_only),
    pytest.param("AV1", marks=pytest.mark.all_only),
    "H265",
]


@pytest.mark.parametrize("codec", CODECS)
async def test_every_frame_comes_decoded_and_as_it_was(
    codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtcrtpsender, "get_encoder", Packing)
    async with whep_server(audio=False) as server:
        server.codec = codec
        endpoint = WhepEndpoint(server.url, TOKEN)
        async with (
            watching(endpoint, alone=False) as (decoding, shown),
            watching(endpoint, encoded=True, alone=False) as (source, watcher),
        ):
            await decoding.subscribe(frozenset(shown.publications))
            await source.subscribe(frozenset(watcher.publications))
            assert {each.mime_type for each in shown.publications.values()} == {
                f"video/{codec.lower()}"
            }
            video = shown.sid(TrackKind.VIDEO)
            await shown.until(lambda: len(shown.codes) > 60 and shown.in_a_row() > 45, 30)
            await watcher.until(lambda: len(watcher.encoded.get(video, ())) > 60, 30)
            frames = watcher.encoded[video][:]
    assert {each.codec for each in frames} == {codec.lower()}
    codes = codes_of(frames)
    assert codes == [*range(codes[0] or 0, (codes[0] or 0) + len(codes))]
    assert {(each.width, each.height) for each in frames if each.keyframe} == {(320, 180)}
