"""What RTP payloads hold, and where a keyframe begins among them. Pure.

An H.264 keyframe brings its parameter sets, its size among them, in NAL units of its own, which
stand anywhere in its packets: behind a delimiter or SEI, alone or aggregated. A decoder that gets
its slices without them uses the old ones: the wrong size until the next keyframe.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aiortc.codecs.h264 import H264PayloadDescriptor

from orchestrator.sources.payloads import av1, h265, vp9
from orchestrator.sources.payloads.unpacked import KeyframeStart, Unpacked

_SLICE_OF_IDR: Final = 5
_SPS: Final = 7
_STAP_A: Final = 24
_FU_A: Final = 28
"""NAL unit types (RFC 6184 §5.2)."""

_OTHERS: Final = {"VP9": vp9.unpacked, "AV1": av1.unpacked, "H265": h265.unpacked}
"""Those that aiortc has no reader for."""


def unpacked(codec: str, payload: bytes) -> Unpacked:
    """What an RTP payload holds; H.264 and H.265 as Annex B.

    `codec`: one of video in capitals, or one of audio, whose payloads are its packets. Raises
    ValueError, for one that is empty too.
    """
    if not payload:
        raise ValueError("an empty payload: something is missing")
    if (reader := _OTHERS.get(codec)) is not None:
        return reader(payload)
    if codec == "VP8":
        data = _vp8_data(payload)
        # RFC 7741 §4.2, §4.3: S is set and PID is 0 where a frame begins; P is 0 in keyframes.
        begins = payload[0] & 0x17 == 0x10 and data and not data[0] & 1
        return Unpacked(data, KeyframeStart.KEYFRAME if begins else KeyframeStart.NONE)
    if codec == "H264":
        return Unpacked(H264PayloadDescriptor.parse(payload)[1], _h264(payload))
    return Unpacked(payload)


def _vp8_data(payload: bytes) -> bytes:
    """What is behind the payload descriptor (RFC 7741 §4.2)."""
    begins = 1
    try:
        if payload[0] & 0x80:
            extensions, begins = payload[1], 2
            if extensions & 0x80:
                begins += 2 if payload[2] & 0x80 else 1
            begins += bool(extensions & 0x40) + bool(extensions & 0x30)
    except IndexError:
        begins = len(payload) + 1
    if begins > len(payload):
        raise ValueError("the VP8 payload descriptor is cut")
    return payload[begins:]


def _h264(payload: bytes) -> KeyframeStart:
    return max((_nal_begins(nal) for nal in _nals(payload)), default=KeyframeStart.NONE)


def _nal_begins(nal: bytes) -> KeyframeStart:
    """Of a NAL unit's first bytes."""
    if nal[0] & 0x1F == _SPS:
        return KeyframeStart.KEYFRAME
    # first_mb_in_slice is 0 in a frame's first slice: one bit that is set (ITU-T H.264 §7.3.3).
    first_slice = nal[0] & 0x1F == _SLICE_OF_IDR and len(nal) > 1 and nal[1] & 0x80
    return KeyframeStart.SLICE if first_slice else KeyframeStart.NONE


def _nals(payload: bytes) -> Iterator[bytes]:
    """The first bytes of each NAL unit that begins in an RTP payload (RFC 6184 §5.6 to §5.8)."""
    kind = payload[0] & 0x1F
    if kind == _STAP_A:
        at = 1
        while at + 2 < len(payload):
            size = int.from_bytes(payload[at : at + 2])
            if size:
                yield payload[at + 2 : at + 4]
            at += 2 + size
    elif kind == _FU_A:
        if len(payload) > 2 and payload[1] & 0x80:
            yield bytes((payload[1] & 0x1F, payload[2]))
    else:
        yield payload[:2]
