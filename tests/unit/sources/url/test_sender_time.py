"""The sender's clock on ours: bursts, drift, gaps, leaps, and a clock that runs back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.sources.url.sender_time import LONGEST_BURST_NS, SenderTime

S = 1_000_000_000
MS = 1_000_000
FRAME = S // 30
VIDEO, AUDIO = 0, 1


def feed(clock: SenderTime, packets: Iterator[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Stream, arrival and lateness of each packet that has a time."""
    found = []
    for stream, media_ns, arrival_ns in packets:
        clock.arrive(stream, media_ns, arrival_ns)
        if clock.settled:
            late_ns = arrival_ns - clock.time_ns(stream, media_ns)
            found.append((stream, arrival_ns, late_ns))
    return found


def live(
    seconds: float, *, media_ns: int = 0, arrival_ns: int = 100 * S, rate: float = 1.0
) -> Iterator[tuple[int, int, int]]:
    """Video and audio of a sender whose clock runs `rate` times as fast as ours."""
    for n in range(round(seconds * 30)):
        for stream in (VIDEO, AUDIO):
            yield stream, media_ns + round(n * FRAME * rate), arrival_ns + n * FRAME


def settled(**more: int) -> SenderTime:
    """A clock after two seconds."""
    clock = SenderTime()
    feed(clock, live(2, **more))
    assert clock.settled
    return clock


def test_what_a_server_kept_for_us_lies_in_the_past() -> None:
    clock = SenderTime()
    kept = ((VIDEO, n * FRAME, 100 * S + n * MS) for n in range(120))
    assert feed(clock, kept) == []
    late = feed(clock, live(1, media_ns=120 * FRAME, arrival_ns=100 * S + 120 * MS))
    assert abs(late[-1][2]) < 2 * MS
    assert clock.time_ns(VIDEO, 0) == pytest.approx(100 * S + 120 * MS - 120 * FRAME, abs=2 * MS)


def test_a_sender_that_stays_faster_than_time_is_taken_as_it_is() -> None:
    clock = SenderTime()
    late = feed(clock, live(10, rate=4.0))
    assert late[0][1] == pytest.approx(100 * S + LONGEST_BURST_NS, abs=2 * FRAME)
    times = [clock.time_ns(VIDEO, n * FRAME) for n in range(3)]
    assert times[2] - times[1] == times[1] - times[0] == FRAME


def test_audio_and_video_have_one_offset_whichever_comes_late() -> None:
    clock = settled()
    for n in range(60, 90):
        clock.arrive(VIDEO, n * FRAME, 100 * S + n * FRAME + 400 * MS)
        clock.arrive(AUDIO, n * FRAME, 100 * S + n * FRAME)
        assert clock.time_ns(VIDEO, n * FRAME) == clock.time_ns(AUDIO, n * FRAME)


@pytest.mark.parametrize("ppm", [-100, 100])
def test_drift_is_followed(ppm: int) -> None:
    late = feed(SenderTime(), live(3600, rate=1 + ppm / 1e6))
    assert max(abs(each) for _, _, each in late) < 20 * MS


def test_a_gap_that_arrivals_bear_out_moves_nothing() -> None:
    clock = settled()
    late = feed(clock, live(1, media_ns=32 * S, arrival_ns=132 * S))
    assert max(abs(each) for _, _, each in late) < 2 * MS


def test_a_network_that_stalls_moves_nothing() -> None:
    clock = settled()
    burst = ((VIDEO, n * FRAME, 106 * S + (n - 60) * MS) for n in range(60, 180))
    assert [late > -2 * MS for *_, late in feed(clock, burst)] == [True] * 120
    late = feed(clock, live(1, media_ns=180 * FRAME, arrival_ns=100 * S + 180 * FRAME))
    assert max(abs(each) for _, _, each in late) < 2 * MS


@pytest.mark.parametrize("leap_ns", [3600 * S, -50 * S, (1 << 33) * 11_111])
def test_after_a_leap_time_goes_on_where_packets_arrive(leap_ns: int) -> None:
    clock = settled(media_ns=100 * S)
    before = clock.time_ns(VIDEO, 100 * S + 59 * FRAME)
    late = feed(clock, live(1, media_ns=102 * S + leap_ns, arrival_ns=102 * S))
    assert max(abs(each) for _, _, each in late) < 2 * MS
    assert clock.time_ns(VIDEO, 102 * S + leap_ns) > before
    assert not clock.ran_back


def test_what_was_sent_before_a_leap_and_comes_after_it_keeps_its_place() -> None:
    clock = settled()
    clock.arrive(VIDEO, 3600 * S, 102 * S)
    clock.arrive(AUDIO, 2 * S, 102 * S)
    assert clock.time_ns(AUDIO, 2 * S) == pytest.approx(102 * S, abs=2 * MS)
    clock.arrive(AUDIO, 3600 * S + 20 * MS, 102 * S + 20 * MS)
    together = clock.time_ns(VIDEO, 3600 * S), clock.time_ns(AUDIO, 3600 * S)
    assert together[0] == together[1] == pytest.approx(102 * S, abs=2 * MS)


def test_a_clock_that_stood_still_is_followed_when_it_stays_late() -> None:
    clock = settled()
    late = feed(clock, live(20, media_ns=2 * S, arrival_ns=107 * S))
    assert late[0][2] == pytest.approx(5 * S, abs=2 * MS)
    assert abs(late[-1][2]) < 2 * MS


def test_a_muxer_that_only_counts_up_says_that_the_clock_ran_back() -> None:
    clock = settled()
    for n in range(40):
        clock.arrive(VIDEO, 2 * S + n * 11_000, 102 * S + n * FRAME)
    assert clock.ran_back
