"""Parameter sets that came before, or in the description alone."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.sdp import SessionDescription

from orchestrator.sources.aiortc.decoding.known_sets import KnownSets, described_sets
from orchestrator.sources.aiortc.ingest.peer import IngestTap
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.rtp_packet import Packet
from orchestrator.stream_copy.bitstreams import nal_units
from tests.kit.signals import codes
from tests.kit.sources.taps import H264, Sent

START = b"\0\0\0\1"
SETS = {
    "H264": lambda head: head & 31 in (7, 8),
    "H265": lambda head: head >> 1 & 63 in range(32, 35),
}
NAMES = {"H264": ["sprop-parameter-sets"], "H265": ["sprop-vps", "sprop-sps", "sprop-pps"]}


def keyframe(codec: str, width: int = 160) -> tuple[list[bytes], bytes]:
    """The parameter sets of one, and its slices."""
    made = codes.encoded(codec.lower(), width=width, height=96, fps=10, seconds=1)[0][0]
    units = list(nal_units(made))
    sets = [unit for unit in units if SETS[codec](unit[0])]
    slices = b"".join(START + unit for unit in units if unit not in sets)
    assert len(sets) >= 2
    return sets, slices


def described(codec: str, texts: list[str], rest: str = "x=1") -> dict[int, bytes]:
    """What is read of a description with these values."""
    values = ";".join(f"{name}={text}" for name, text in zip(NAMES[codec], texts, strict=False))
    lines = [
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"),
        *("m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendonly"),
        *(f"a=rtpmap:96 {codec}/90000", f"a=fmtp:96 {rest};{values}", "a=rtpmap:97 VP8/90000", ""),
    ]
    return described_sets(SessionDescription.parse("\r\n".join(lines)).media[0])


def frame(data: bytes, payload_type: int = 96) -> VideoFrame:
    return VideoFrame(data, 0, payload_type)


@pytest.mark.parametrize("codec", ["H264", "H265"])
def test_a_keyframe_gets_the_sets_of_the_description(codec: str) -> None:
    sets, slices = keyframe(codec)
    texts = [b64encode(unit).decode() for unit in sets]
    found = described(codec, [",".join(texts)] if codec == "H264" else texts)
    assert set(found) == {96}
    known, came, other = KnownSets(found), frame(slices), frame(slices, 98)
    known.complete(codec, came)
    assert [*nal_units(came.data)] == [*sets, *nal_units(slices)]
    assert came.parts == (came.data,)
    known.complete(codec, other)
    assert other.data == slices, "those of another payload type are others"


def test_the_streams_own_take_the_place_of_the_descriptions() -> None:
    old, new = keyframe("H264", 160)[0], keyframe("H264", 320)
    known = KnownSets({96: b"".join(START + unit for unit in old)})
    alone, came = frame(b"".join(START + unit for unit in new[0])), frame(new[1])
    known.complete("H264", alone)
    known.complete("H264", came)
    assert [*nal_units(came.data)] == [*new[0], *nal_units(new[1])]
    delta = frame(START + b"\x41\x9a")
    known.complete("H264", delta)
    assert delta.data == START + b"\x41\x9a"


def test_what_is_no_base64_counts_for_nothing() -> None:
    assert described("H264", ["Z0LAH,%%%"]) == {}
    assert described("H264", [""]) == {}
    assert described("H264", ["A" * 10**6])[96].count(START) == 1
    known, untouched = KnownSets({96: b"\0\0\1"}), frame(keyframe("H264")[1])
    before = untouched.data
    known.complete("H264", untouched)
    known.complete("H264", frame(b""))
    known.complete("VP8", untouched)
    assert untouched.data == before


@pytest.mark.parametrize("known", [True, False])
async def test_a_decoder_that_begins_in_the_midst_of_a_stream_has_what_came_before(
    known: bool,
) -> None:
    """As a recording of a publisher (WHIP) who sends the sets with the first frame alone."""
    sent = Sent(tap=IngestTap, codec=H264)
    tap = sent.tap
    assert isinstance(tap, IngestTap)
    sets, slices = keyframe("H264")
    number = 0

    async def send(units: list[bytes]) -> None:
        nonlocal number
        time = 3000 * number
        payloads = H264Encoder._packetize(iter(units))
        for at, payload in enumerate(payloads, 1):
            last = int(at == len(payloads))
            await sent.put(Packet(number, time, 1, 96, last, payload))
            number += 1

    await send([*(sets if known else []), *nal_units(slices)])
    assert len(sent.delivered()) == known
    for interval_s in (None, 4.0, None):
        sent.owner.keyframe_interval_s = interval_s
        tap.renew_output()
        for _ in range(2):  # of the first nobody knows whether something of it was lost
            await send([*nal_units(slices)])
        async with asyncio.timeout(20):
            while not tap.idle:
                await asyncio.sleep(0.01)
                tap.deliver()
        tap.deliver()
        came = [each.frame for each in sent.owner.frames]
        sent.owner.frames.clear()
        assert bool(came) == known
        sizes = {(each.width, each.height) for each in came if not isinstance(each, av.AudioFrame)}
        assert sizes == ({(160, 96)} if known else set())
    tap.renew_output()
    await sent.connection.close()
