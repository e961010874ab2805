"""RTP packets in their order, as frames. Takes the place of aiortc's jitter buffers.

aiortc's for audio holds every packet back until three more have come, and once a lost one has
filled it (16 packets), it throws away up to three good ones before each next hole: at 5 % loss a
fifth of the sound. Its for video waits for a packet that never comes until 512 others have, which
is seconds. Here a frame goes on as soon as those before it have. A missing packet is asked for more
than once and waited for a little; then sound goes on with what came, and video with the next key
frame. Where each stands in time is the timeline's matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Final

from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

MAX_WAIT_S: Final = 0.1
"""How long a missing packet may come late: networks reorder within milliseconds."""

MAX_HELD: Final = 6
"""The same in packets that came after it: 120 ms of 20 ms frames."""

MAX_MISORDER: Final = 100
"""A sequence number this far off is a new beginning."""


ASK_AGAIN_S: Final = 0.1
"""Between two requests for the same packets; LiveKit answers each three times at most, and none
within 100 ms (livekit-server, pkg/sfu/sequencer.go)."""

GIVE_UP_S: Final = 0.25
"""Video that waits so long for a packet goes on with the next key frame, and asks for one."""

ASK_KEY_S: Final = 0.5
"""Between two requests for a key frame."""

MAX_VIDEO: Final = 2048
"""Packets held at most; 10 Mbit/s are a thousand a second."""


class AudioOrder:
    """One RTP stream's packets; each is a frame (RFC 7587 §4.2, RFC 3551 §4.5)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: int | None = None
        self._held: dict[int, tuple[RtpPacket, float]] = {}

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """As aiortc calls it: takes a packet; gives the next frame if any, never asks for a PLI."""
        number = packet.sequence_number
        if self._next is None or not -MAX_MISORDER < _ahead(number, self._next) < MAX_MISORDER:
            self._next, self._held = number, {}
        if _ahead(number, self._next) >= 0:
            self._held[number] = (packet, self._clock())
        return False, self.next_frame()

    def next_frame(self) -> JitterFrame | None:
        """The next frame that need not wait."""
        if self._next is None or not self._held:
            return None
        if self._next not in self._held and self._waited_enough():
            since = self._next
            self._next = min(self._held, key=lambda number: _ahead(number, since))
        if self._next not in self._held:
            return None
        packet, _ = self._held.pop(self._next)
        self._next = (self._next + 1) & 0xFFFF
        return JitterFrame(packet._data, packet.timestamp)  # type: ignore[attr-defined]

    def _waited_enough(self) -> bool:
        oldest = min(came for _, came in self._held.values())
        return len(self._held) > MAX_HELD or self._clock() - oldest > MAX_WAIT_S


class VideoOrder:
    """Packets of an RTP stream; those of a timestamp are a frame (RFC 7741 §4.1, RFC 6184 §5.1)."""

    def __init__(
        self, is_key: Callable[[RtpPacket], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_key = is_key
        """Whether a key frame begins with this packet."""
        self._clock = clock
        self._next: int | None = None
        self._newest = 0
        self._held: dict[int, RtpPacket] = {}
        self._stuck_since: float | None = None
        self._asked_at = self._asked_key_at = -1e9
        self.given_up = 0
        """How often a hole was left behind for a key frame."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """As aiortc calls it: takes a packet; gives whether to send a PLI, and the next frame."""
        number, leapt = packet.sequence_number, False
        if self._next is None or not -MAX_VIDEO < _ahead(number, self._next) < MAX_VIDEO:
            leapt = self._next is not None
            self._next = self._newest = number
            self._held, self._stuck_since = {}, None
        if _ahead(number, self._next) >= 0:
            self._held[number] = packet
        if _ahead(number, self._newest) > 0:
            self._newest = number
        frame = self.next_frame()
        return self._wants_key() or leapt, frame

    def next_frame(self) -> JitterFrame | None:
        """The next frame that is complete, or the next key frame after a hole that stays."""
        frame = self._complete()
        if frame is None and self._stuck_s() > GIVE_UP_S and self._leave_hole():
            frame = self._complete()
        if frame is not None:
            self._stuck_since = None
        elif self._stuck_since is None and self._missing(1):
            self._stuck_since = self._clock()
        return frame

    def ask_again(self) -> list[int]:
        """Sequence numbers to ask for once more now (RFC 4585 §6.2.1)."""
        now = self._clock()
        if self._stuck_s() < ASK_AGAIN_S or now - self._asked_at < ASK_AGAIN_S:
            return []
        self._asked_at = now
        return self._missing(64)

    def _complete(self) -> JitterFrame | None:
        """The frame that begins at the next number, if its end is known and nothing is missing."""
        if self._next is None or (first := self._held.get(self._next)) is None:
            return None
        packets, number = [first], self._next
        while not packets[-1].marker:
            number = (number + 1) & 0xFFFF
            packet = self._held.get(number)
            if packet is None:
                return None
            if packet.timestamp != first.timestamp:
                break
            packets.append(packet)
        for packet in packets:
            del self._held[packet.sequence_number]
        self._next = (packets[-1].sequence_number + 1) & 0xFFFF
        data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined]
        return JitterFrame(data, first.timestamp)

    def _missing(self, limit: int) -> list[int]:
        """The first numbers that others have overtaken."""
        if self._next is None:
            return []
        ahead = range(_ahead(self._newest, self._next))
        numbers = ((self._next + step) & 0xFFFF for step in ahead)
        return list(islice((n for n in numbers if n not in self._held), limit))

    def _stuck_s(self) -> float:
        return 0.0 if self._stuck_since is None else self._clock() - self._stuck_since

    def _wants_key(self) -> bool:
        now = self._clock()
        if self._stuck_s() < GIVE_UP_S or now - self._asked_key_at < ASK_KEY_S:
            return False
        self._asked_key_at = now
        return True

    def _leave_hole(self) -> bool:
        """Goes on at the next key frame, if one has begun to come."""
        start = self._next or 0
        ahead = sorted(self._held, key=lambda number: _ahead(number, start))
        key = next((n for n in ahead if n != start and self._is_key(self._held[n])), None)
        if key is None:
            return False
        for number in ahead[: ahead.index(key)]:
            del self._held[number]
        self._next = key
        self.given_up += 1
        return True


def begins_key_frame(codec: str, payload: bytes) -> bool:
    """Whether an RTP payload of `codec` (``VP8`` or ``H264``) is the first of a key frame."""
    if not payload:
        return False
    if codec == "VP8":
        try:
            descriptor, rest = VpxPayloadDescriptor.parse(payload)
        except ValueError:
            return False
        first = descriptor.partition_start == 1 and descriptor.partition_id == 0
        return bool(first and rest and not rest[0] & 1)  # RFC 7741 §4.3: P is 0 in key frames
    kind = payload[0] & 0x1F
    if kind == _STAP_A and len(payload) > 3:
        kind = payload[3] & 0x1F
    elif kind == _FU_A and len(payload) > 1 and payload[1] & 0x80:
        kind = payload[1] & 0x1F
    return kind in _BEGINS_IDR


_STAP_A: Final = 24
_FU_A: Final = 28
_BEGINS_IDR: Final = (5, 7)
"""NAL unit types: a slice of an IDR picture, or the parameters before it (RFC 6184 §1.3)."""


def _ahead(number: int, reference: int) -> int:
    """How far a sequence number is ahead of another, modulo 2**16 (RFC 3550 §A.1)."""
    return ((number - reference + 0x8000) & 0xFFFF) - 0x8000
