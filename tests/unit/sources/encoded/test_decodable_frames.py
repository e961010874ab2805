"""Of a video that nobody decodes, the jitter buffer tells what can be."""

from __future__ import annotations

import random

import pytest

from orchestrator.sources.aiortc.jitter_buffer import VideoJitterBuffer
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.rtp_packet import Packet
from tests.kit.clocks import HandClock
from tests.kit.sources.rtp_video import FRAME, GROUP, PACKET_S, part, whole


class Encoded:
    """A buffer whose frames have to be decodable: what came out, by its first packet's number."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.buffer = VideoJitterBuffer(self.clock, begins_with_keyframe=True)
        self.out: list[VideoFrame] = []
        self.asked = 0

    def put(self, *packets: Packet) -> None:
        for packet in packets:
            self.clock.now += PACKET_S
            asks, frame = self.buffer.add(packet)
            self.asked += asks
            while frame is not None:
                self.out.append(frame)
                frame = self.buffer.next_frame()

    @property
    def frames(self) -> list[int]:
        return [int.from_bytes(frame.data[:4], "big") // FRAME for frame in self.out]


def parts(frames: range, *, without: int | None = None) -> list[Packet]:
    numbers = range(frames.start * FRAME, frames.stop * FRAME)
    return [part(number) for number in numbers if number != without]


def test_it_begins_with_a_keyframe_and_asks_for_it_until_it_comes() -> None:
    encoded = Encoded()
    encoded.put(*parts(range(10, 20)))
    assert (encoded.frames, encoded.asked, encoded.buffer.left_out) == ([], 1, 10)
    encoded.put(*parts(range(20, 40)))
    assert encoded.frames == list(range(GROUP, 40))
    assert [frame.after_loss for frame in encoded.out] == [True] + [False] * (39 - GROUP)
    assert encoded.buffer.left_out == 20
    assert encoded.asked == 2, "again after half a second"


def test_a_keyframe_at_the_beginning_is_not_asked_for() -> None:
    encoded = Encoded()
    encoded.put(*parts(range(GROUP, GROUP + 5)))
    assert (encoded.frames, encoded.asked, encoded.buffer.left_out) == (
        list(range(GROUP, GROUP + 5)),
        0,
        0,
    )


def test_the_first_packets_may_come_in_any_order() -> None:
    encoded = Encoded()
    first, second, *rest = parts(range(GROUP, GROUP + 3))
    encoded.put(second, first, *rest)
    assert encoded.frames == [GROUP, GROUP + 1, GROUP + 2]


@pytest.mark.parametrize("lost", range(4 * FRAME, 6 * FRAME))
def test_after_a_loss_the_next_frame_is_a_keyframe_and_those_left_behind_are_counted(
    lost: int,
) -> None:
    encoded = Encoded()
    encoded.put(*parts(range(3 * GROUP), without=lost))
    frame = lost // FRAME
    assert encoded.frames == [*range(frame), *range(GROUP, 3 * GROUP)]
    assert [n for n, each in enumerate(encoded.out) if each.after_loss] == [0, frame]
    assert encoded.buffer.left_out == GROUP - frame


def test_after_a_leap_the_frames_that_are_held_are_counted_once() -> None:
    encoded = Encoded()
    encoded.put(*parts(range(5)))
    encoded.put(*parts(range(5000, 5000 + 10)))
    assert encoded.buffer.left_out == 10
    key = (5000 // GROUP + 1) * GROUP
    encoded.put(*parts(range(5010, key + 2)))
    assert encoded.frames == [*range(5), key, key + 1]
    assert encoded.buffer.left_out == key - 5000


def test_a_frame_whose_end_never_came_is_told_where_ends_are_marked() -> None:
    """An SFU that pauses a video in mid-frame goes on with the next sequence number."""
    encoded = Encoded()
    whole_ones, cut = parts(range(2)), parts(range(2, 3))[:-1]
    keyframe = parts(range(GROUP, GROUP + 2))
    for number, each in enumerate([*whole_ones, *cut, *keyframe]):
        each.sequence_number = number
    encoded.put(*whole_ones, *cut, *keyframe)
    assert encoded.frames == [0, 1, 2, GROUP, GROUP + 1]
    assert [frame.cut for frame in encoded.out] == [False, False, True, False, False]


def test_padding_with_a_mark_ends_no_frame() -> None:
    encoded = Encoded()
    whole_one, cut = parts(range(1)), parts(range(1, 2))[:-1]
    padding = Packet(timestamp=cut[0].timestamp, marker=1)
    for number, each in enumerate([*whole_one, *cut, padding]):
        each.sequence_number = number
    encoded.put(*whole_one, *cut, padding)
    assert [frame.cut for frame in encoded.out] == [False, True]


def test_probes_are_neither_frames_nor_left_out() -> None:
    encoded = Encoded()
    frames = parts(range(2))
    probes = [Packet(timestamp=frames[FRAME - 1].timestamp) for _ in range(3)]
    sent = [*frames[:FRAME], *probes, *frames[FRAME:]]
    for number, each in enumerate(sent):
        each.sequence_number = number
    encoded.put(*sent)
    assert [len(frame.data) for frame in encoded.out] == [16, 0, 16]
    assert not any(frame.cut for frame in encoded.out)
    assert encoded.buffer.left_out == 0


def test_a_keyframe_that_is_itself_stuck_is_left_for_the_next_one() -> None:
    """Its parameter sets stand behind a delimiter: beginning with them would not help."""
    encoded = Encoded()
    packets = parts(range(2 * GROUP + 2))
    for key in (GROUP * FRAME, 2 * GROUP * FRAME):
        packets[key].begins_keyframe = KeyframeStart.NONE
        packets[key + 1].begins_keyframe = KeyframeStart.KEYFRAME
    del packets[GROUP * FRAME + 3]
    encoded.put(*packets)
    assert encoded.frames == [*range(GROUP), 2 * GROUP, 2 * GROUP + 1]
    assert encoded.out[GROUP].data == whole(2 * GROUP), "the delimiter as well"
    assert encoded.buffer.left_out == GROUP


@pytest.mark.parametrize("percent", [1, 5, 15])
def test_at_random_loss_each_frame_follows_the_one_before_or_is_a_keyframe(percent: int) -> None:
    chance, encoded = random.Random(percent), Encoded()
    came = [p for p in parts(range(20 * GROUP)) if chance.random() * 100 >= percent]
    for at in range(0, len(came) - 3, 7):
        came[at], came[at + 2] = came[at + 2], came[at]
    encoded.put(*came)
    assert encoded.frames
    for before, after in zip([-1, *encoded.frames], encoded.frames, strict=False):
        assert after == before + 1 or after % GROUP == 0
    assert not any(frame.cut for frame in encoded.out)
    seen = {each.timestamp for each in came}
    held = {each.timestamp for each in encoded.buffer._held.values()}
    left = len(seen) - len(encoded.frames) - len(held)
    assert left <= encoded.buffer.left_out + 1
