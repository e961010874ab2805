"""RTP packets in their order, as frames. Takes the place of aiortc's jitter buffers.

aiortc's for audio holds every packet back until three more have come, and once a lost one has
filled it (16 packets), it throws away up to three good ones before each next gap: at 5 % loss a
fifth of the audio. The one for video waits for a packet that never comes until 512 others have,
which is seconds. Here a frame goes on as soon as those before it have. A missing video packet is
requested more than once and waited for a little; then audio goes on with what came, and video with
the next keyframe. Where each frame stands in time is the timeline's matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from orchestrator.sources.aiortc.concealment import AudioPacket
from orchestrator.sources.aiortc.keyframe_start import KeyframeStart

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
"""Video that waits so long for a packet goes on with the next keyframe, and asks for one."""

ASK_KEY_S: Final = 0.5
"""Between two requests for a keyframe."""

MAX_VIDEO: Final = 2048
"""Packets held at most; 10 Mbit/s are a thousand a second."""

MAX_VIDEO_BYTES: Final = 16 * 2**20
"""Their payloads together: UDP lets each have 64 KiB."""


class AudioJitterBuffer:
    """One RTP stream's packets; each is a frame (RFC 7587 §4.2, RFC 3551 §4.5)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: int | None = None
        self._held: dict[int, tuple[RtpPacket, float]] = {}
        self._lost = 0
        """Packets given up since the last frame."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """As aiortc calls it: takes a packet; gives the next frame if any, never asks for a PLI."""
        number = packet.sequence_number
        if self._next is None or not -MAX_MISORDER < _ahead(number, self._next) < MAX_MISORDER:
            self._next, self._held, self._lost = number, {}, 0
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
            self._lost += _ahead(self._next, since)
        if self._next not in self._held:
            return None
        packet, _ = self._held.pop(self._next)
        self._next = (self._next + 1) & 0xFFFF
        lost, self._lost = self._lost, 0
        return AudioPacket(packet._data, packet.timestamp, lost)  # type: ignore[attr-defined]

    def _waited_enough(self) -> bool:
        oldest = min(came for _, came in self._held.values())
        return len(self._held) > MAX_HELD or self._clock() - oldest > MAX_WAIT_S


class VideoJitterBuffer:
    """Packets of an RTP stream; those of a timestamp are a frame (RFC 7741 §4.1, RFC 6184 §5.1)."""

    def __init__(
        self,
        keyframe_start: Callable[[RtpPacket], KeyframeStart],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keyframe_start = keyframe_start
        """Whether a keyframe begins with this packet."""
        self._clock = clock
        self._next: int | None = None
        self._newest = 0
        self._held: dict[int, RtpPacket] = {}
        self._held_bytes = 0
        self._keys: dict[int, KeyframeStart] = {}
        """Those of the held packets with which a keyframe may begin."""
        self._needs_key = False
        """Frames are missing, nobody knows how many: only a keyframe can be decoded."""
        self._stuck_since: float | None = None
        self._asked_at = self._asked_key_at = -1e9
        self.gave = False
        """Whether the latest packet gave a frame: only then another may be waiting behind it."""
        self.given_up = 0
        """How often a gap was left behind for a keyframe."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """As aiortc calls it: takes a packet; gives whether to send a PLI, and the next frame."""
        number = packet.sequence_number
        if self._next is None:
            self._next = self._newest = number
        elif not self._fits(packet):
            self._next = self._newest = number
            self._drop(list(self._held))
            self._needs_key, self._stuck_since = True, None
        if _ahead(number, self._next) >= 0 and number not in self._held:
            self._hold(packet)
        if _ahead(number, self._newest) > 0:
            self._newest = number
        frame = self.next_frame()
        self.gave = frame is not None
        return self._wants_key(), frame

    def next_frame(self) -> JitterFrame | None:
        """The next frame that is complete, or the next keyframe after a gap that stays."""
        if self._needs_key and not self._go_to_key():
            return None
        frame = self._complete()
        if frame is None and self._stuck_s() > GIVE_UP_S and self._leave_gap():
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
        self._drop(packet.sequence_number for packet in packets)
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
        waits = self._needs_key or self._stuck_s() >= GIVE_UP_S
        if not waits or now - self._asked_key_at < ASK_KEY_S:
            return False
        self._asked_key_at = now
        return True

    def _leave_gap(self) -> bool:
        """Goes on at the next keyframe behind the one that is stuck, if one has begun to come."""
        if not self._go_to_key(behind=self._next):
            return False
        self.given_up += 1
        return True

    def _go_to_key(self, behind: int | None = None) -> bool:
        """Goes on at the first keyframe that can be decoded, if one has begun to come."""
        start = self._next or 0
        keys = sorted((n for n in self._keys if n != behind), key=lambda n: _ahead(n, start))
        tried: set[int] = set()
        """Frames whose first slice was seen: the next ones of it begin nothing."""
        for key in keys:
            if self._keys[key] is not KeyframeStart.KEYFRAME:
                timestamp = self._held[key].timestamp
                if timestamp in tried:
                    continue
                tried.add(timestamp)
            if self._can_begin(key):
                self._drop([n for n in self._held if _ahead(n, key) < 0])
                self._next, self._needs_key = key, False
                return True
        return False

    def _can_begin(self, number: int) -> bool:
        """Whether with this packet a frame begins that needs none before."""
        return self._keys[number] is KeyframeStart.KEYFRAME or self._is_first(number)

    def _is_first(self, number: int) -> bool:
        """Whether nothing of its frame was before this packet, or is held and tells nothing."""
        timestamp = self._held[number].timestamp
        before = self._held.get((number - 1) & 0xFFFF)
        while before is not None and before.timestamp == timestamp:
            number -= 1
            before = self._held.get((number - 1) & 0xFFFF)
        return before is not None

    def _fits(self, packet: RtpPacket) -> bool:
        ahead = _ahead(packet.sequence_number, self._next or 0)
        more_bytes = self._held_bytes + len(packet.payload)
        return -MAX_VIDEO < ahead < MAX_VIDEO and more_bytes <= MAX_VIDEO_BYTES

    def _hold(self, packet: RtpPacket) -> None:
        self._held[packet.sequence_number] = packet
        self._held_bytes += len(packet.payload)
        if start := self._keyframe_start(packet):
            self._keys[packet.sequence_number] = start

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._held_bytes -= len(self._held.pop(number).payload)
            self._keys.pop(number, None)


def _ahead(number: int, reference: int) -> int:
    """How far a sequence number is ahead of another, modulo 2**16 (RFC 3550 §A.1)."""
    return ((number - reference + 0x8000) & 0xFFFF) - 0x8000
