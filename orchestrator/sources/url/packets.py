"""What ffmpeg's packets are as encoded frames (`EncodedFrame`). Pure; nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.sources.bitstreams.frame_size import frame_size
from orchestrator.sources.encoded_audio import encoded_audio
from orchestrator.stream_copy.bitstreams import nal_units, parameter_sets

WORDS: Final[Mapping[str, str]] = {
    "hevc": "h265",
    "pcm_mulaw": "pcmu",
    "pcm_alaw": "pcma",
    "adpcm_g722": "g722",
}
"""FFmpeg's names of codecs that have another one in RTP; all others are the same in both."""

_SHORTEST: Final = {"h264": 7, "h265": 23}
"""Bytes of avcC and hvcC."""

_START: Final = b"\0\0\0\1"
_H264_DELIMITER: Final = 9
_H265_DELIMITER: Final = 35

_ADTS_RATES: Final = 13
"""Sampling frequencies that have an index (ISO/IEC 14496-3 table 1.18)."""


@dataclass(frozen=True, slots=True)
class TrackFormat:
    """One stream of ffmpeg's, as its header describes it."""

    kind: TrackKind
    codec: str
    """As in `EncodedFrame`; FFmpeg's own name of a codec that isn't named there."""
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    rate: int = 0
    channels: int = 0


class EncodedTrack:
    """The frames of one stream, in the order in which they came."""

    def __init__(self, track: TrackFormat) -> None:
        self._track = track
        self._sets, self._length_bytes = _sets_of(track.codec, track.extradata)
        self._first_shown_ns: int | None = None
        self.left_out = 0
        """Frames that need one that didn't come."""

    @property
    def waits_for_keyframe(self) -> bool:
        """Whether nothing goes on without one."""
        return self._track.kind is TrackKind.VIDEO and self._first_shown_ns is None

    def takes(self, shown_ns: int, *, keyframe: bool) -> bool:
        """Whether a frame can be decoded: what comes before the first keyframe can't.

        Nor can what comes behind it and is shown before it (open GOP).
        """
        if self._track.kind is TrackKind.AUDIO:
            return True
        if keyframe and self._first_shown_ns is None:
            self._first_shown_ns = shown_ns
        if self._first_shown_ns is None or shown_ns < self._first_shown_ns:
            self.left_out += 1
            return False
        return True

    def frame(self, data: bytes, *, keyframe: bool, duration_ns: int) -> EncodedFrame | None:
        """A packet as a frame; None for one that isn't."""
        if self._track.kind is TrackKind.AUDIO:
            return self._audio(data, duration_ns)
        codec = self._track.codec
        if self._length_bytes:
            data = _annex_b(data, self._length_bytes)
        if not keyframe:
            return EncodedFrame(codec, data, keyframe=False)
        if self._sets and not parameter_sets(EncodedFrame(codec, data)):
            data = _with_sets(codec, self._sets, data)
        width, height = frame_size(codec, data) or (self._track.width, self._track.height)
        return EncodedFrame(codec, data, True, 0, width, height)

    def _audio(self, data: bytes, duration_ns: int) -> EncodedFrame | None:
        track = self._track
        if track.codec in ("opus", "pcmu", "pcma", "g722"):
            return encoded_audio(track.codec, data)
        private = track.extradata
        if track.codec == "aac" and (adts := _adts(data)) is not None:
            head_bytes, described = adts
            data, private = data[head_bytes:], private or described
        if track.codec == "aac" and not private:
            return None
        own = private if track.codec == "aac" else b""
        return EncodedFrame(
            track.codec,
            data,
            duration_ns=duration_ns,
            private=own,
            rate=track.rate,
            channels=track.channels,
        )


def word_of(codec: str, *, rate: int, channels: int) -> str:
    """FFmpeg's name of a codec as in `EncodedFrame`, which has G.711 and G.722 as RTP has them."""
    word = WORDS.get(codec, codec)
    usual = {"pcmu": (8000, 1), "pcma": (8000, 1), "g722": (16_000, 1)}.get(word)
    return codec if usual is not None and usual != (rate, channels) else word


def _sets_of(codec: str, extradata: bytes) -> tuple[bytes, int]:
    """Parameter sets as they stand in a stream, and the bytes of a NAL unit's length; 0: Annex B.

    ISO/IEC 14496-15 §5.3.3.1 (avcC), §8.3.3.1 (hvcC); AV1 in ISOBMFF §2.3.3 (av1C).
    """
    if codec == "av1":
        return (extradata[4:] if extradata[:1] == b"\x81" else extradata), 0
    if codec not in ("h264", "h265"):
        return b"", 0
    if extradata[:1] != b"\1" or len(extradata) < _SHORTEST[codec]:
        return extradata, 0
    units = _avcc_units(extradata) if codec == "h264" else _hvcc_units(extradata)
    at = 4 if codec == "h264" else 21
    return b"".join(_START + unit for unit in units), (extradata[at] & 3) + 1


def _avcc_units(data: bytes) -> list[bytes]:
    units, at = [], 5
    for mask in (0x1F, 0xFF):
        count = data[at] & mask if at < len(data) else 0
        at += 1
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2])
            units.append(data[at + 2 : at + 2 + size])
            at += 2 + size
    return units


def _hvcc_units(data: bytes) -> list[bytes]:
    units, at = [], 23
    for _ in range(data[22] if len(data) > 22 else 0):
        count = int.from_bytes(data[at + 1 : at + 3])
        at += 3
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2])
            units.append(data[at + 2 : at + 2 + size])
            at += 2 + size
            if at >= len(data):
                return units
    return units


def _annex_b(data: bytes, length_bytes: int) -> bytes:
    parts, at = [], 0
    while at + length_bytes <= len(data):
        size = int.from_bytes(data[at : at + length_bytes])
        at += length_bytes
        parts += [_START, data[at : at + size]]
        at += size
    return b"".join(parts)


def _with_sets(codec: str, sets: bytes, data: bytes) -> bytes:
    """Before all else but an access unit delimiter (H.264 §7.4.1.2.3)."""
    if codec in ("h264", "h265"):
        first = next(nal_units(data), b"\0")
        kind = first[0] & 31 if codec == "h264" else first[0] >> 1 & 63
        if kind == (_H264_DELIMITER if codec == "h264" else _H265_DELIMITER):
            at = data.find(first) + len(first)
            return data[:at] + sets + data[at:]
    return sets + data


def _adts(data: bytes) -> tuple[int, bytes] | None:
    """Bytes of a frame's ADTS header, and its AudioSpecificConfig; None if it has none.

    ISO/IEC 14496-3 §1.A.2.2, §1.6.2.1. The packets of MPEG-TS have one.
    """
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return None
    object_type, rate = (data[2] >> 6) + 1, data[2] >> 2 & 15
    channels = (data[2] & 1) << 2 | data[3] >> 6
    if rate >= _ADTS_RATES:
        return None
    described = (object_type << 11 | rate << 7 | channels << 3).to_bytes(2)
    return (7 if data[1] & 1 else 9), described
