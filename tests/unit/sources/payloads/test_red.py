"""Redundant audio taken apart: what a packet repeats stands for those that were lost."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, cast

import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.sources.aiortc.encoded_frames import EncodedFrames
from orchestrator.sources.aiortc.payload_formats import PayloadFormats
from orchestrator.sources.aiortc.reassembly import Reassembly
from orchestrator.sources.e2ee.frame_layout import BLANKS
from orchestrator.sources.e2ee.key_ring import KeyRing
from orchestrator.sources.e2ee.room_keys import RoomKeys
from orchestrator.sources.payloads.red import MOST_BLOCKS, Block, blocks
from orchestrator.sources.received_media import Decrypts, NotEncrypted
from orchestrator.sources.rtp_packet import Packet

OPUS, RED, TICKS = 111, 63, 960
CODECS = {
    OPUS: RTCRtpCodecParameters("audio/opus", 48_000, 2, OPUS),
    RED: RTCRtpCodecParameters("audio/red", 48_000, 2, RED),
}
CELT_20_MS = 0xF8
"""The first byte of a packet of Opus with one frame of 20 ms (RFC 6716 §3.1)."""


class Inside:
    def get(self, name: str) -> Any:
        return {"codecs": CODECS}[name]


def receiver(decrypts: Decrypts | None = None) -> tuple[Reassembly, EncodedFrames]:
    output = EncodedFrames(TrackKind.AUDIO)
    formats = PayloadFormats(cast(Any, Inside()))
    reassembly = Reassembly(TrackKind.AUDIO, formats, output, None, decrypts or NotEncrypted())
    reassembly.begin(1, "microphone")
    return reassembly, output


def opus(number: int) -> bytes:
    return bytes((CELT_20_MS,)) + (number & 0xFFFF).to_bytes(2)


def redundant(number: int, repeats: int) -> Packet:
    """As libwebrtc and livekit-server make them."""
    heads, data = b"", b""
    for behind in range(repeats, 0, -1):
        earlier = opus(number - behind)
        heads += bytes((0x80 | OPUS,)) + (behind * TICKS << 10 | len(earlier)).to_bytes(3)
        data += earlier
    payload = heads + bytes((OPUS,)) + data + opus(number)
    return Packet(number & 0xFFFF, number * TICKS & 0xFFFFFFFF, 1, RED, 0, payload)


def came(packets: list[Packet]) -> list[tuple[int, int]]:
    """Number and RTP time of the frames that come out."""
    reassembly, output = receiver()
    for packet in packets:
        reassembly.take(packet)
    taken = [(each.frame, each.pts & 0xFFFFFFFF) for each in output.take()]
    assert all(isinstance(frame, EncodedFrame) for frame, _ in taken)
    frames = [(cast(EncodedFrame, frame), pts) for frame, pts in taken]
    assert {frame.codec for frame, _ in frames} <= {"opus"}
    return [(int.from_bytes(frame.data[1:]), pts) for frame, pts in frames]


def test_a_payload_of_three_blocks() -> None:
    assert blocks(redundant(10, 2).payload) == [
        Block(OPUS, 2 * TICKS, opus(8)),
        Block(OPUS, TICKS, opus(9)),
        Block(OPUS, 0, opus(10)),
    ]
    assert blocks(bytes((OPUS, 1, 2))) == [Block(OPUS, 0, b"\x01\x02")]


@pytest.mark.parametrize("payload", ["", "ef", "ef000003", "ef0000036f0102", "80000000"])
def test_what_is_cut_is_a_value_error(payload: str) -> None:
    with pytest.raises(ValueError, match="cut"):
        blocks(bytes.fromhex(payload))


def test_so_many_blocks_are_read() -> None:
    head = bytes((0x80 | OPUS, 0, 0, 0))
    assert len(blocks(MOST_BLOCKS * head + bytes((OPUS,)))) == MOST_BLOCKS + 1
    with pytest.raises(ValueError, match="too many"):
        blocks((MOST_BLOCKS + 1) * head + bytes((OPUS,)))


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("first", [5, 65_530])
def test_what_a_packet_repeats_fills_in_for_lost_ones(repeats: int, first: int) -> None:
    sent = [redundant(number, repeats) for number in range(first, first + 20)]
    gone = set(range(first + 4, first + 4 + repeats)) | {first + 10}
    packets = [each for number, each in enumerate(sent, first) if number not in gone]
    numbers = [*range(first, first + 20)]
    assert came(packets) == [(n & 0xFFFF, n * TICKS) for n in numbers]


def test_what_came_is_not_heard_twice_and_nothing_before_the_first() -> None:
    sent = [redundant(number, 2) for number in range(5, 12)]
    swapped = [*sent[:2], sent[3], sent[2], *sent[4:], sent[6]]
    assert [number for number, _ in came(swapped)] == [*range(5, 12)]


def test_plain_and_redundant_packets_may_take_turns() -> None:
    plain = Packet(6, 6 * TICKS, 1, OPUS, 0, opus(6))
    assert [n for n, _ in came([redundant(5, 1), plain, redundant(8, 1)])] == [5, 6, 7, 8]


def test_blocks_of_other_codecs_are_left_out() -> None:
    sent = redundant(6, 1)
    inner = sent.payload.replace(bytes((0x80 | OPUS,)), bytes((0x80 | RED,)))
    strange = Packet(7, 7 * TICKS, 1, RED, 0, bytes((99, 1, 2)))
    sent.payload = inner
    assert [n for n, _ in came([redundant(4, 0), sent, strange, redundant(7, 0)])] == [4]


@given(st.binary(max_size=60))
def test_whatever_comes_is_taken_apart_or_left_out(payload: bytes) -> None:
    reassembly, output = receiver()
    packets = [Packet(n, n * TICKS, 1, RED, 0, payload) for n in range(3)]
    for packet in [redundant(0, 0), *packets, redundant(4, 2)]:
        reassembly.take(packet)
    assert len(output.take()) <= 5


def test_damaged_packets_harm_no_other() -> None:
    chance, sent = random.Random(3), [redundant(number, 2) for number in range(300)]
    for packet in sent[100:200]:
        payload = bytearray(packet.payload)
        payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
        packet.payload = bytes(payload)
    numbers = {number for number, _ in came(sent)}
    assert {*range(100), *range(210, 300)} <= numbers


@dataclass
class Encrypted:
    """A room whose server ends what it sends of its own with a trailer."""

    injected_trailer: bytes = bytes(range(200, 244))

    def key_ring(self, label: str) -> KeyRing | None:
        return RoomKeys(E2eeKeys.model_validate({"passphrase": "x"})).ring("anna")


def test_the_servers_silence_between_encrypted_redundant_audio_is_taken() -> None:
    decrypts = Encrypted()
    reassembly, output = receiver(decrypts)
    silence = bytes((OPUS,)) + BLANKS["OPUS"] + decrypts.injected_trailer
    reassembly.take(Packet(5, 5 * TICKS, 1, RED, 0, silence))
    frames = [each.frame for each in output.take()]
    assert [cast(EncodedFrame, frame).data for frame in frames] == [BLANKS["OPUS"]]
    assert reassembly.undecryptable == 0
