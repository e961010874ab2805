"""Whatever the network does to packets: what goes on is whole, in order, and soon."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import SECOND_NS
from orchestrator.pipes.lateness import LAG_NS
from orchestrator.sources.aiortc.decoding.concealment import AudioPacket
from orchestrator.sources.aiortc.jitter_buffer import (
    ASK_AGAIN_S,
    GIVE_UP_S,
    MAX_HELD,
    MAX_VIDEO,
    MAX_VIDEO_BYTES,
    MAX_WAIT_S,
    AudioJitterBuffer,
    VideoJitterBuffer,
)
from orchestrator.sources.aiortc.peer import DELIVER_S
from orchestrator.sources.payloads.unpacked import KeyframeStart
from orchestrator.sources.rtp_packet import Packet
from tests.kit.clocks import HandClock
from tests.kit.sources.rtp_video import FRAME, GROUP, PACKET_S, part, whole

STEP_S = 0.02


def packet(number: int) -> Packet:
    made = Packet(sequence_number=number & 0xFFFF, timestamp=(960 * number) & 0xFFFFFFFF)
    made.data = number.to_bytes(4, "big")
    return made


def through(numbers: list[int], *, step_s: float = STEP_S) -> list[int]:
    """What comes out when these packets come one by one."""
    clock = HandClock()
    buffer, out = AudioJitterBuffer(clock), []
    for number in numbers:
        clock.now += step_s
        asked, frame = buffer.add(packet(number))
        assert not asked
        while frame is not None:
            out.append(int.from_bytes(frame.data, "big"))
            assert frame.timestamp == (960 * out[-1]) & 0xFFFFFFFF
            frame = buffer.next_frame()
    return out


def test_in_order_each_goes_on_at_once() -> None:
    assert through(list(range(65_530, 65_550))) == list(range(65_530, 65_550))


@pytest.mark.parametrize("percent", [1, 5, 20])
def test_of_what_came_nothing_is_lost(percent: int) -> None:
    chance = random.Random(percent)
    came = [0, *(n for n in range(1, 2000) if chance.random() * 100 >= percent)]
    came += range(2000, 2000 + MAX_HELD + 1)
    assert through(came) == came


@pytest.mark.parametrize(("step_ms", "most_s"), [(10, 0.12), (20, 0.18), (60, 0.25), (120, 0.36)])
def test_no_packet_waits_longer_than_the_timeline_does(step_ms: int, most_s: float) -> None:
    """The figures beside pipes.lateness.LAG_NS: 3 % loss, 40 ms of jitter, ten minutes."""
    chance, clock = random.Random(step_ms), HandClock()
    sent = [n for n in range(600_000 // step_ms) if chance.random() >= 0.03]
    arrivals = sorted((n * step_ms / 1000 + chance.uniform(0, 0.04), n) for n in sent)
    buffer, came, waits = AudioJitterBuffer(clock), dict[int, float](), [0.0]
    for clock.now, number in arrivals:
        came[number] = clock.now
        _, frame = buffer.add(packet(number))
        while frame is not None:
            waits.append(clock.now - came.pop(int.from_bytes(frame.data, "big")))
            frame = buffer.next_frame()
    assert MAX_WAIT_S <= max(waits) < most_s
    assert max(waits) + DELIVER_S < LAG_NS / SECOND_NS


def test_each_tells_how_many_before_it_were_lost() -> None:
    """A sender that is silent (DTX) leaves no number out."""
    buffer, found = AudioJitterBuffer(HandClock()), dict[int, int]()
    for number in [0, 1, 3, *range(6, 14), 5000, 5001]:
        _, frame = buffer.add(packet(number))
        while isinstance(frame, AudioPacket):
            found[int.from_bytes(frame.data, "big")] = frame.lost
            frame = buffer.next_frame()
    assert {number: lost for number, lost in found.items() if lost} == {3: 1, 6: 2}


def test_a_late_one_is_waited_for() -> None:
    assert through([0, 1, 3, 4, 2, 5]) == [0, 1, 2, 3, 4, 5]


def test_one_that_comes_too_late_is_left_out() -> None:
    late = [0, 1, *range(3, 4 + MAX_HELD), 2]
    assert through(late) == [n for n in late if n != 2]


def test_with_few_packets_time_decides() -> None:
    """Opus DTX sends one in 400 ms."""
    assert through([0, 2, 3], step_s=MAX_WAIT_S * 4) == [0, 2, 3]


def test_a_new_beginning() -> None:
    assert through([10, 11, 5000, 5001, 20_000]) == [10, 11, 5000, 5001, 20_000]


@given(st.lists(st.integers(0, 80), min_size=1, max_size=80), st.integers(0, 0xFFFF))
def test_always_in_order_and_once(numbers: list[int], first: int) -> None:
    out = through([first + number for number in numbers])
    assert out == sorted(set(out))
    assert set(out) <= {first + number for number in numbers}


def test_a_duplicate_is_one() -> None:
    assert through([0, 1, 1, 3, 3, 2]) == [0, 1, 2, 3]


class Video:
    """Puts packets through, and keeps what comes out: frame numbers with their moments."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.buffer = VideoJitterBuffer(self.clock)
        self.out: list[int] = []
        self.at: list[float] = []
        self.keys_asked = 0
        self.asked: set[int] = set()

    def put(self, number: int) -> None:
        self.clock.now += PACKET_S
        asks, frame = self.buffer.add(part(number))
        self.keys_asked += asks
        while frame is not None:
            self.out.append(int.from_bytes(frame.data[:4], "big") // FRAME)
            self.at.append(self.clock.now)
            assert frame.data == whole(self.out[-1]), "a frame with a gap"
            frame = self.buffer.next_frame()
        self.asked |= set(self.buffer.to_request())


def test_a_frame_goes_on_with_its_last_packet() -> None:
    video = Video()
    for number in range(65_520, 65_560):
        video.put(number)
        assert len(video.out) == (number - 65_520 + 1) // FRAME


def test_a_frame_whose_end_is_not_marked_goes_on_with_the_next() -> None:
    buffer = VideoJitterBuffer(HandClock())
    frames = []
    for number in range(3 * FRAME):
        packet = part(number)
        packet.marker, packet.begins_keyframe = 0, KeyframeStart.NONE
        frames.append(buffer.add(packet)[1])
    assert [f.data for f in frames if f is not None] == [whole(0), whole(1)]


def test_a_packet_that_is_sent_again_is_put_in_its_place() -> None:
    video = Video()
    lost = 41
    numbers = [*range(lost), *range(lost + 1, lost + 15), lost, *range(lost + 15, 80)]
    for number in numbers:
        video.put(number)
    assert video.out == list(range(20))
    assert video.asked == {lost}
    assert video.keys_asked == 0


def test_a_packet_that_never_comes_costs_up_to_the_next_key_frame() -> None:
    video = Video()
    for number in range(3 * GROUP * FRAME):
        if number != 41:
            video.put(number)
    assert video.out == [*range(10), *range(GROUP, 3 * GROUP)]
    assert video.keys_asked >= 1
    assert video.buffer.given_up == 1


def test_it_is_asked_again_and_not_too_often() -> None:
    video = Video()
    asked = []
    for number in range(8, 100):
        if number != 20:
            video.put(number)
            asked.append(bool(video.asked))
            video.asked.clear()
    passed_s = (len(asked) - 12) * PACKET_S
    assert 4 <= sum(asked) <= 1 + passed_s / ASK_AGAIN_S


def test_after_a_leap_it_asks_for_a_keyframe_and_goes_on_with_that() -> None:
    video = Video()
    video.put(0)
    leap = 30_000 // (GROUP * FRAME) * GROUP * FRAME + 5
    for number in range(leap, leap + 2 * GROUP * FRAME):
        video.put(number)
    key = leap // (GROUP * FRAME) * GROUP + GROUP
    assert video.out == list(range(key, key + GROUP + 1)), "none that builds on what is missing"
    assert video.keys_asked == 2, "at once, and again after half a second"


def test_what_it_holds_is_bounded_in_bytes() -> None:
    buffer, size = VideoJitterBuffer(HandClock()), 60_000
    for number in range(1, MAX_VIDEO):  # the first is lost
        payload = bytes(size)
        large = Packet(sequence_number=number + (number > 1), payload=payload)
        large.data = payload
        buffer.add(large)
        held = sum(len(packet.payload) for packet in buffer._held.values())
        assert held == buffer._held_bytes <= MAX_VIDEO_BYTES
    assert buffer._needs_key


@pytest.mark.parametrize("percent", [1, 5, 15])
def test_at_random_loss_nothing_stands_still_for_long(percent: int) -> None:
    chance = random.Random(percent)
    video, again = Video(), dict[int, int]()
    for number in range(60 * 120):
        for lost in [n for n, due in again.items() if due <= number]:
            del again[lost]
            if chance.random() * 100 >= percent:
                video.put(lost)
            else:
                again[lost] = number + 20
        if chance.random() * 100 >= percent:
            video.put(number)
        else:
            again[number] = number + 10
    assert video.out == sorted(set(video.out))
    gaps = [b - a for a, b in zip(video.at, video.at[1:], strict=False)]
    assert max(gaps) < GIVE_UP_S + GROUP / 30 + 0.3


@given(st.lists(st.integers(0, 400), max_size=200), st.integers(0, 0xFFFF))
def test_what_goes_on_is_whole_and_in_order(numbers: list[int], first: int) -> None:
    video = Video()
    video.put(first * FRAME)
    for number in numbers:
        video.put(first * FRAME + number)
    assert video.out == sorted(set(video.out))


def test_a_keyframe_in_many_slices_costs_as_much_as_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    is_first = VideoJitterBuffer._is_first

    def counted(self: VideoJitterBuffer, number: int) -> bool:
        nonlocal looks
        looks += 1
        return is_first(self, number)

    monkeypatch.setattr(VideoJitterBuffer, "_is_first", counted)
    clock = HandClock()
    buffer = VideoJitterBuffer(clock)
    for number in (0, *range(2, 300)):  # one is missing
        clock.now += 0.001
        slice_ = Packet(
            payload_type=97,
            sequence_number=number,
            timestamp=3000 if number else 0,
            payload=b"e",
            begins_keyframe=KeyframeStart.SLICE,
        )
        slice_.data = b"e"
        buffer.add(slice_)
    assert looks <= 300, "one for each packet, not one for each pair"


class _Counted(dict[int, Packet]):
    """Counts look-ups."""

    count = 0

    def get(self, key: int, default: object = None) -> Packet | None:  # type: ignore[override]
        self.count += 1
        return super().get(key)


def test_a_large_frame_costs_as_much_as_it_has_packets() -> None:
    """A publisher that marks no end fills the buffer with one frame."""
    buffer, most = VideoJitterBuffer(HandClock()), MAX_VIDEO - 1
    buffer._held = held = _Counted()
    for number in range(most):
        assert buffer.add(Packet(number, payload=b"data", data=b"data"))[1] is None
    _, frame = buffer.add(Packet(most, marker=1, payload=b"data", data=b"data"))
    assert frame is not None
    assert held.count < 5 * most
