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

from orchestrator.sources.aiortc.decoding.concealment import AudioPacket
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.keyframe_requests import KeyframeRequests
from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.rtp_packet import Packet

MAX_WAIT_S: Final = 0.1
"""How long a missing packet may come late: networks reorder within milliseconds."""

MAX_HELD: Final = 6
"""The same in packets that came after it: 120 ms of 20 ms frames."""

MAX_MISORDER: Final = 100
"""A sequence number this far off is a new beginning."""

ASK_AGAIN_S: Final = 0.1
"""Between two requests for the same packets; LiveKit answers each three times at most, and none
within 100 ms (livekit-server, pkg/sfu/sequencer.go)."""

MOST_REQUESTED: Final = 64
"""Packets asked for at once."""

GIVE_UP_S: Final = 0.25
"""Video that waits so long for a packet goes on with the next keyframe, and asks for one."""

MAX_VIDEO: Final = 2048
"""Packets held at most; 10 Mbit/s are a thousand a second."""

MAX_VIDEO_BYTES: Final = 16 * 2**20
"""Their payloads together: UDP lets each have 64 KiB."""


class AudioJitterBuffer:
    """One RTP stream's packets; each is a frame (RFC 7587 §4.2, RFC 3551 §4.5)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: int | None = None
        self._held: dict[int, tuple[Packet, float]] = {}
        self._lost = 0
        """Packets given up since the last frame."""

    def add(self, packet: Packet) -> tuple[bool, AudioPacket | None]:
        """Takes a packet; gives the next frame if any, and never asks for a PLI."""
        number = packet.sequence_number
        if self._next is None or not -MAX_MISORDER < _ahead(number, self._next) < MAX_MISORDER:
            self._next, self._held, self._lost = number, {}, 0
        if _ahead(number, self._next) >= 0:
            self._held[number] = (packet, self._clock())
        return False, self.next_frame()

    def add_repeated(self, packet: Packet) -> None:
        """Takes what another packet repeats, if it is missing."""
        number = packet.sequence_number
        if self._next is not None and 0 <= _ahead(number, self._next) < MAX_MISORDER:
            self._held.setdefault(number, (packet, self._clock()))

    def next_frame(self) -> AudioPacket | None:
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
        return AudioPacket(packet.data, packet.timestamp, lost, packet.payload_type)

    def _waited_enough(self) -> bool:
        oldest = min(came for _, came in self._held.values())
        return len(self._held) > MAX_HELD or self._clock() - oldest > MAX_WAIT_S


class VideoJitterBuffer:
    """Packets of an RTP stream; those of a timestamp are a frame (RFC 7741 §4.1, RFC 6184 §5.1)."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        requests: KeyframeRequests | None = None,
        *,
        begins_with_keyframe: bool = False,
    ) -> None:
        self._clock = clock
        self._next: int | None = None
        self._newest = 0
        self._held: dict[int, Packet] = {}
        self._held_bytes, self._whole = 0, (-1, -1)
        """`_whole`: first and last packet of the next frame that are held without a gap."""
        self._keys: dict[int, int] = {}
        """Those of the held packets with which a keyframe may begin."""
        self._requests = KeyframeRequests(clock=clock) if requests is None else requests
        self._needs_key = self._after_loss = begins_with_keyframe
        """Frames are missing, nobody knows how many: only a keyframe can be decoded."""
        self._marks = False
        """Whether the stream marks the last packets of frames, as it should."""
        self._stuck_since: float | None = None
        self._asked_at = -1e9
        self._skipped = False
        """Numbers were left out since they were asked for last."""
        self._left_out = 0
        self._left_out_last: int | None = None
        """Timestamp of the latest one."""
        self.given_up = 0
        """How often a gap was left behind for a keyframe."""

    def add(self, packet: Packet) -> tuple[bool, VideoFrame | None]:
        """Takes a packet; gives whether to send a PLI, and the next frame."""
        number = packet.sequence_number
        if self._next is None:
            self._next = self._newest = number
        elif not self._fits(packet):
            self._next = self._newest = number
            self._leave_out(list(self._held))
            self._needs_key, self._stuck_since = True, None
        elif self._needs_key and -MAX_MISORDER < _ahead(number, self._next) < 0:
            self._next = number  # nothing has gone on since the packet that came first
        if _ahead(number, self._next) >= 0 and number not in self._held:
            self._hold(packet)
        if (ahead := _ahead(number, self._newest)) > 0:
            self._newest, self._skipped = number, self._skipped or ahead > 1
        frame = self.next_frame()
        waiting = self._needs_key or self._stuck_s() >= GIVE_UP_S
        return self._requests.due(waiting=waiting), frame

    def next_frame(self) -> VideoFrame | None:
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

    def wait_for_keyframe(self) -> None:
        """Only with a keyframe it goes on now."""
        self._needs_key = self._after_loss = True

    def leave_out(self) -> None:
        """The frame given last was none."""
        self.wait_for_keyframe()
        self._left_out += 1

    def to_request(self) -> list[int]:
        """Sequence numbers to ask for now: new ones, or all once more (RFC 4585 §6.2.1)."""
        if not self._skipped and self._stuck_since is None:
            return []
        now = self._clock()
        again = self._stuck_s() >= ASK_AGAIN_S and now - self._asked_at >= ASK_AGAIN_S
        if not self._skipped and not again:
            return []
        self._asked_at, self._skipped = now, False
        return self._missing(MOST_REQUESTED)

    @property
    def left_out(self) -> int:
        """Frames of which packets came, and that were left behind."""
        waiting = self._held if self._needs_key and not self._keys else ()
        return self._left_out + len(self._stamps(waiting))

    def _complete(self) -> VideoFrame | None:
        """The frame that begins at the next number, if its end is known and nothing is missing."""
        if self._next is None or (first := self._held.get(self._next)) is None:
            return None
        number = self._whole[1] if self._whole[0] == self._next else self._next
        while not self._held[number].marker:
            packet = self._held.get((number + 1) & 0xFFFF)
            if packet is None:
                self._whole = self._next, number
                return None
            if packet.timestamp != first.timestamp:
                break
            number = packet.sequence_number
        steps = range(_ahead(number, self._next) + 1)
        packets = [self._held[(self._next + step) & 0xFFFF] for step in steps]
        self._drop(packet.sequence_number for packet in packets)
        self._next = (packets[-1].sequence_number + 1) & 0xFFFF
        frame = VideoFrame.of(packets, self._after_loss)
        if frame.data:  # else it is an SFU's probe
            last = next(each for each in reversed(packets) if each.data)
            self._marks |= bool(last.marker)
            frame.cut, self._after_loss = self._marks and not last.marker, False
        return frame

    def _missing(self, limit: int) -> list[int]:
        """The first numbers that others have overtaken."""
        if self._next is None:
            return []
        ahead = range(_ahead(self._newest, self._next))
        numbers = ((self._next + step) & 0xFFFF for step in ahead)
        return list(islice((n for n in numbers if n not in self._held), limit))

    def _stuck_s(self) -> float:
        return 0.0 if self._stuck_since is None else self._clock() - self._stuck_since

    def _leave_gap(self) -> bool:
        """Goes on at the next keyframe behind the one that is stuck, if one has begun to come."""
        if not self._go_to_key(behind=self._next):
            return False
        self.given_up += 1
        return True

    def _go_to_key(self, behind: int | None = None) -> bool:
        """Goes on at the first keyframe that can be decoded, if one has begun to come."""
        start = self._next or 0
        stuck = None if behind is None else self._held.get(behind)
        others = (n for n in self._keys if not stuck or self._held[n].timestamp != stuck.timestamp)
        keys = sorted(others, key=lambda n: _ahead(n, start))
        tried: set[int] = set()
        """Frames whose first slice was seen: the next ones of it begin nothing."""
        for key in keys:
            if self._keys[key] != KeyframeStart.KEYFRAME:
                timestamp = self._held[key].timestamp
                if timestamp in tried:
                    continue
                tried.add(timestamp)
            if self._can_begin(key):
                first = self._first_of_frame(key)
                self._leave_out([n for n in self._held if _ahead(n, first) < 0])
                self._next, self._needs_key = first, False
                return True
        return False

    def _can_begin(self, number: int) -> bool:
        """Whether with this packet a frame begins that needs none before."""
        return self._keys[number] == KeyframeStart.KEYFRAME or self._is_first(number)

    def _is_first(self, number: int) -> bool:
        """Whether nothing of its frame was before this packet, or is held and tells nothing."""
        return (self._first_of_frame(number) - 1) & 0xFFFF in self._held

    def _first_of_frame(self, number: int) -> int:
        """The first of the packets of its frame that are held without a gap up to this one."""
        timestamp = self._held[number].timestamp
        before = self._held.get((number - 1) & 0xFFFF)
        while before is not None and before.timestamp == timestamp:
            number = (number - 1) & 0xFFFF
            before = self._held.get((number - 1) & 0xFFFF)
        return number

    def _fits(self, packet: Packet) -> bool:
        ahead = _ahead(packet.sequence_number, self._next or 0)
        more_bytes = self._held_bytes + len(packet.payload)
        return -MAX_VIDEO < ahead < MAX_VIDEO and more_bytes <= MAX_VIDEO_BYTES

    def _hold(self, packet: Packet) -> None:
        self._held[packet.sequence_number] = packet
        self._held_bytes += len(packet.payload)
        if packet.begins_keyframe:
            self._keys[packet.sequence_number] = packet.begins_keyframe

    def _leave_out(self, numbers: list[int]) -> None:
        if stamps := self._stamps(numbers):
            self._left_out += len(stamps)
            newest = max(numbers, key=lambda number: _ahead(number, numbers[0]))
            self._left_out_last = self._held[newest].timestamp
        self._after_loss = True
        self._drop(numbers)

    def _stamps(self, numbers: Iterable[int]) -> set[int]:
        """Timestamps of the frames that these packets are of, without the one left out last."""
        packets = (self._held[number] for number in numbers)
        return {each.timestamp for each in packets if each.data} - {self._left_out_last}

    def _drop(self, numbers: Iterable[int]) -> None:
        self._whole = (-1, -1)
        for number in numbers:
            self._held_bytes -= len(self._held.pop(number).payload)
            self._keys.pop(number, None)


def _ahead(number: int, reference: int) -> int:
    """How far a sequence number is ahead of another, modulo 2**16 (RFC 3550 §A.1)."""
    return ((number - reference + 0x8000) & 0xFFFF) - 0x8000
