"""Encoded frames as RTP packets, as senders of WebRTC make them; and recorded packets of the SDK.

`layered/` holds the beginnings of streams of several spatial layers that the livekit SDK (1.2.1)
published at 960x540 and livekit-server (1.13.3) forwarded: `vp9-l3t3_key.rtp` and so on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, groupby
from pathlib import Path
from typing import Any, Final

import av
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from orchestrator.sources.aiortc.keyframe_start import unpacked
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.bitstreams.av1_units import layers, obus
from orchestrator.sources.payloads.av1 import temporal_unit
from orchestrator.sources.rtp_packet import Packet
from orchestrator.stream_copy.bitstreams import nal_units

MTU: Final = 200
TICKS: Final = 3000
PAYLOAD_TYPE: Final = 97

LAYERED: Final = ("vp9-l3t3_key", "vp9-l3t3", "av1-l3t3_key", "av1-l3t3")
_FOLDER: Final = Path(__file__).with_name("layered")
_RECORD: Final = struct.Struct("!HIBH")
_NUMBERS: Final = count()


def layered(name: str) -> list[Packet]:
    """One of `LAYERED`."""
    data, at, found = (_FOLDER / f"{name}.rtp").read_bytes(), 0, []
    while at < len(data):
        number, timestamp, marker, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        payload = data[at : at + size]
        at += size
        found.append(packet(name[:3].upper(), number, timestamp, marker, payload))
    return found


def packet(codec: str, number: int, timestamp: int, marker: int, payload: bytes) -> Packet:
    """As `Reassembly` makes them."""
    found = unpacked(codec, payload)
    return Packet(number & 0xFFFF, timestamp, 1, PAYLOAD_TYPE, marker, payload, *found)


def packets(codec: str, frames: Iterable[bytes], *, first: int = 65_500) -> Iterator[Packet]:
    """Those of frames of ``VP9``, ``AV1`` or ``H265``, thirty a second."""
    number = first
    for at, frame in enumerate(frames):
        payloads = list(PAYLOADS[codec](frame))
        for payload in payloads:
            last = int(payload is payloads[-1])
            yield packet(codec, number, at * TICKS, last, payload)
            number += 1


def whole(given: Sequence[Packet]) -> list[VideoFrame]:
    """Of each timestamp one, nothing missing."""
    found = groupby(given, key=lambda each: each.timestamp)
    return [VideoFrame.of(list(each), after_loss=False) for _, each in found]


def complete(codec: str, frame: VideoFrame) -> VideoFrame:
    """As `Reassembly` passes it on. ValueError if it is none."""
    if codec.upper() == "AV1":
        frame.put(layers(temporal_unit(frame.parts)))
    return frame


def vp9(frame: bytes) -> Iterator[bytes]:
    """RFC 9628 §4.2, with an id of two bytes and no layers."""
    key, number = not frame[0] & 0x04, 0x8000 | next(_NUMBERS) & 0x7FFF
    for at in range(0, len(frame), MTU):
        begins, ends = at == 0, at + MTU >= len(frame)
        head = 0x80 | 0x40 * (not key) | 0x08 * begins | 0x04 * ends
        yield bytes((head,)) + number.to_bytes(2) + frame[at : at + MTU]


def av1(unit: bytes) -> Iterator[bytes]:
    """AV1 RTP §4: OBUs without their sizes, as many in a packet as fit; what doesn't, in pieces."""
    elements: list[bytes] = []
    key = starts_inside = False
    for kind, content, data in obus(unit):
        if kind == 2:
            continue
        key |= kind == 1
        obu = bytes((data[0] & ~2,)) + (data[1:2] if data[0] & 4 else b"") + content
        while obu:
            room = MTU - sum(map(len, elements))
            elements.append(obu[:room])
            obu = obu[room:]
            if obu or sum(map(len, elements)) >= MTU:
                yield _aggregate(elements, starts_inside, bool(obu), key)
                elements, key, starts_inside = [], False, bool(obu)
    if elements:
        yield _aggregate(elements, starts_inside, False, key)


def _aggregate(elements: Sequence[bytes], starts: bool, ends: bool, key: bool) -> bytes:
    """`starts`, `ends`: inside of an OBU. The length of an element has two bytes here."""
    known = len(elements) if len(elements) < 4 else 0
    head = bytes((0x80 * starts | 0x40 * ends | known << 4 | 0x08 * key,))
    sized = [
        each if number == known else bytes((len(each) & 127 | 128, len(each) >> 7)) + each
        for number, each in enumerate(elements, 1)
    ]
    return head + b"".join(sized)


def h265(frame: bytes) -> Iterator[bytes]:
    """RFC 7798 §4.4: small NAL units together, large ones in pieces."""
    small: list[bytes] = []
    for unit in nal_units(frame):
        if len(unit) <= MTU:
            small.append(unit)
            continue
        yield from _aggregated(small)
        small = []
        pieces = [unit[at : at + MTU] for at in range(2, len(unit), MTU)]
        head = bytes((unit[0] & 0x81 | 49 << 1, unit[1]))
        for number, piece in enumerate(pieces):
            ends = 0x80 * (number == 0) | 0x40 * (number == len(pieces) - 1)
            yield head + bytes((ends | unit[0] >> 1 & 63,)) + piece
    yield from _aggregated(small)


def _aggregated(units: Sequence[bytes]) -> Iterator[bytes]:
    if len(units) > 1:
        parts = (part for unit in units for part in (len(unit).to_bytes(2), unit))
        yield bytes((48 << 1, 1)) + b"".join(parts)
    else:
        yield from units


PAYLOADS: Final[dict[str, Callable[[bytes], Iterator[bytes]]]] = {
    "VP9": vp9,
    "AV1": av1,
    "H265": h265,
}


class Packing:
    """Takes the place of aiortc's encoders, which know neither VP9 nor AV1."""

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        self._packed = PAYLOADS[codec.name]

    def pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        """A frame's payloads and RTP time."""
        assert packet.pts is not None
        return [*self._packed(bytes(packet))], packet.pts
