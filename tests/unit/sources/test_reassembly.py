"""From packets to frames: streams that begin in the middle, and frames that are none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.logs import Repeated
from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.reassembly import Reassembly
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.e2ee.key_ring import EMPTY, KeyRing
from orchestrator.sources.received_media import Decrypts, NotEncrypted
from orchestrator.sources.rtp_packet import Packet
from tests.kit.signals import codes
from tests.kit.sources.packetizing import packets

FPS = 10
TRAILER = bytes(range(200, 244))


def encoded(codec: str, seconds: int = 1) -> list[bytes]:
    made = codes.encoded(codec.lower(), width=160, height=90, fps=FPS, seconds=seconds)
    return [data for data, _ in made]


class Encrypted(NotEncrypted):
    """A room whose server marks its own frames."""

    injected_trailer = TRAILER

    def __init__(self, ring: KeyRing | None) -> None:
        self._ring = ring

    def key_ring(self, label: str) -> KeyRing | None:
        return self._ring


def receiving(codec: str, decrypts: Decrypts | None = None) -> tuple[Reassembly, list[VideoFrame]]:
    came: list[VideoFrame] = []
    form = SimpleNamespace(name=codec, codec=codec)
    formats: Any = SimpleNamespace(of=lambda _: form, described={})
    output: Any = SimpleNamespace(put=lambda item: came.append(item[1]))
    reassembly = Reassembly(TrackKind.VIDEO, formats, output, None, decrypts or NotEncrypted())
    reassembly.begin(1, "")
    return reassembly, came


@pytest.mark.parametrize("codec", ["VP9", "AV1", "H265"])
def test_nothing_is_decoded_before_the_first_keyframe_which_is_asked_for(codec: str) -> None:
    """Once the first packet of a stream of LiveKit was of no keyframe, and none came by itself."""
    reassembly, came = receiving(codec)
    middle, whole = encoded(codec)[1:], encoded(codec)
    asked = [reassembly.take(each) for each in packets(codec, [*middle, *whole])]
    assert asked[0]
    assert len(came) == len(whole)
    assert reassembly.left_out == len(middle)
    assert reassembly.keyframes_requested == 1


def test_a_unit_of_av1_that_lacks_a_piece_is_left_out_up_to_the_next_keyframe() -> None:
    """The server may go to another layer in the middle of one."""
    reassembly, came = receiving("AV1")
    frames = encoded("AV1", 2)
    for each in packets("AV1", frames):
        if each.timestamp == 3 * 3000 and each.marker:
            each.payload = bytes((each.payload[0] ^ 0x40,)) + each.payload[1:]  # goes on, it says
        reassembly.take(each)
    assert [frame.timestamp & 0xFFFFFFFF for frame in came] == [
        number * 3000 for number in range(2 * FPS) if not 3 <= number < FPS
    ]
    assert came[3].after_loss
    assert reassembly.left_out == FPS - 3
    assert reassembly.keyframes_requested == 1


@pytest.mark.parametrize("codec", ["VP8", "VP9", "AV1", "H264", "H265"])
def test_a_payload_that_is_the_trailer_alone_is_a_frame_of_nothing(codec: str) -> None:
    """Of AV1 it ended the connection."""
    reassembly, came = receiving(codec, Encrypted(EMPTY))
    for number in range(3):
        reassembly.take(Packet(number, 3000 * number, 1, 97, 1, TRAILER))
    assert [frame.data for frame in came if frame.data] == []
    assert reassembly.left_out == 0


def test_what_isnt_encrypted_may_end_like_what_the_server_sends() -> None:
    for ring, shown in ((None, [b"\x01" + TRAILER]), (EMPTY, [])):
        reassembly, came = receiving("VP8", Encrypted(ring))
        reassembly.take(Packet(1, 3000, 1, 97, 1, b"\x10\x01" + TRAILER))
        assert [frame.data for frame in came if frame.data] == shown


@pytest.mark.parametrize("what", ["_unpack", "_join"])
def test_a_packet_that_nobody_foresaw_ends_nothing(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reassembly, came = receiving("AV1")
    frames = encoded("AV1", 2)
    works = getattr(reassembly, what)
    lines: list[str] = []
    reassembly._unforeseen = Repeated(lambda event, **_: lines.append(event))

    def fails(*_: object) -> None:
        raise IndexError("nobody foresaw it")

    for each in packets("AV1", frames):
        third = each.timestamp == 3 * 3000
        monkeypatch.setattr(reassembly, what, fails if third else works)
        reassembly.take(each)
    numbers = [(frame.timestamp & 0xFFFFFFFF) // 3000 for frame in came]
    assert numbers == [*range(3), *range(FPS, 2 * FPS)]
    assert len(lines) == 1
    assert reassembly.left_out >= 1
    assert came[3].after_loss


def test_where_the_codec_of_a_stream_changes_it_goes_on_with_a_keyframe() -> None:
    """Of one SSRC: what was encoded for another decoder is of no use to the next one."""
    reassembly, came = receiving("VP9")
    names = {97: "VP9", 98: "AV1", 99: "VP8"}
    form: Any = SimpleNamespace(
        of=lambda kind: SimpleNamespace(name=names[kind], codec=names[kind])
    )
    reassembly._formats = form
    for each in packets("VP9", encoded("VP9"), first=0):
        reassembly.take(each)
    number = 1000
    for each in packets("AV1", [*encoded("AV1")[1:], *encoded("AV1")], first=number):
        each.payload_type, each.timestamp = 98, each.timestamp + 3000 * FPS
        reassembly.take(each)
    assert [frame.payload_type for frame in came] == FPS * [97] + FPS * [98]
    number = 3000
    for step, payload in enumerate((b"\x10\x11", b"\x10\x10\0\0")):
        reassembly.take(Packet(number + step, 3000 * (100 + step), 1, 99, 1, payload))
    assert [frame.data for frame in came[2 * FPS :]] == [b"\x10\0\0"]
