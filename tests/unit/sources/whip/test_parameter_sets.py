"""Publishers that send H.264's parameter sets once, recorded by whoever begins later."""

from __future__ import annotations

import re
from base64 import b64encode

import pytest

from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.whip.publisher import StreamLimits
from orchestrator.sources.whip.publishers import Publishers
from orchestrator.sources.whip.source import WhipSource
from orchestrator.stream_copy.bitstreams import nal_units
from tests.kit.fakes import until
from tests.kit.signals.codes import second
from tests.kit.sources.watcher import Watcher
from tests.kit.sources.whep_server import FPS
from tests.kit.whip.webrtc import SetsOnce, offering

pytestmark = pytest.mark.real_time

MAX_PIXELS = 1920 * 1080


@pytest.mark.parametrize("described", [False, pytest.param(True, marks=pytest.mark.all_only)])
async def test_they_are_there_for_who_begins_later(described: bool) -> None:
    """In the stream's first frame, or in the offer alone; recordings begin behind that."""
    publishers = Publishers(LocalAddresses(), StreamLimits(MAX_PIXELS, 4.0), lambda: None)
    video = SetsOnce(in_stream=not described)
    async with offering(codec="video/H264", video=video) as publisher:
        offer = with_sets(publisher.sdp) if described else publisher.sdp
        await publisher.take((await publishers.offer(offer)).sdp)
        await publishers.until_connected()
        await until(lambda: bool(video.sets))
        for encoded in (False, True, False):
            await take_some(publishers, video, encoded=encoded)
    await publishers.close()


async def take_some(publishers: Publishers, video: SetsOnce, *, encoded: bool) -> None:
    """A recording that begins now, decoded or as it comes."""
    watcher = Watcher()
    how = {"max_frame_pixels": MAX_PIXELS, "keyframe_interval_s": 4.0 if encoded else None}
    source = WhipSource(publishers, watcher, wait_s=20, **how)  # type: ignore[arg-type]
    await source.open()
    await source.subscribe(frozenset({"audio", "video"}))
    if encoded:
        await watcher.until(lambda: len(watcher.encoded.get("video", [])) > 10)
        first = watcher.encoded["video"][0]
        assert first.keyframe
        assert all(unit in first.data for unit in video.sets)
    else:
        await watcher.until(lambda: len(watcher.codes) > 10)
        assert None not in watcher.codes
    await source.close()


def with_sets(offer: str) -> str:
    """The offer with the parameter sets of what is sent (RFC 6184 §8.1)."""
    frame, _ = second("h264", width=320, height=180, fps=FPS, first=0)[0]
    sets = [unit for unit in nal_units(frame) if unit[0] & 31 in (7, 8)]
    text = ",".join(b64encode(unit).decode() for unit in sets)
    return re.sub("(a=fmtp:.*profile-level-id[^\r\n]*)", rf"\1;sprop-parameter-sets={text}", offer)
