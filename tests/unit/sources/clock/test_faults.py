"""Microphones that stall, and networks that are busy.

`test_clock` has publishers whose clocks are a little off; in none of its runs does anything stop,
or does the network hold anything back.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.media import Publication, TrackKind
from orchestrator.pipes.mixer import Mixer, samples_at
from orchestrator.sources.clock.participant_clock import ParticipantClock
from orchestrator.sources.received_media import ArrivedFrame
from orchestrator.sources.receiver import MOST_HELD, Receiver
from orchestrator.sources.source import FrameReceived, SourceEvent
from tests.kit.sources.simulation import AUDIO_FRAME, QUICK, REPORTS, participant, record

MS = 1e-3
styles = st.sampled_from(["aiortc", "sfu"])
seeds = st.integers(0, 1 << 16)


# -- what stands still


@pytest.mark.parametrize("style", REPORTS)
@pytest.mark.parametrize("stall_s", [0.1, 0.4, 1.5, 3, 6, 9, 15])
def test_a_microphone_that_stalls_is_heard_from_its_first_frame_on(
    stall_s: float, style: str
) -> None:
    found = record(participant(style, audio_stalls=[(12, stall_s)]), 27 + stall_s)
    assert found.audio_lost_s < 0.03
    assert found.video_lost == 0
    back_s = 12 + stall_s
    apart = 45 * MS if style == "none" else 10 * MS  # arrivals alone: the paths differ by 35 ms
    assert found.worst_apart_s(back_s + 1, back_s + 14) < apart
    assert found.moved_s(TrackKind.VIDEO, 10, back_s + 14) < 10 * MS


@pytest.mark.parametrize("style", ["aiortc", "sfu"])
@pytest.mark.parametrize("stall_s", [0.5, 0.54, 0.58, 0.62, 0.66])
def test_a_stall_costs_no_audio_before_it_is_noticed(stall_s: float, style: str) -> None:
    found = record(participant(style, audio_stalls=[(12, stall_s)]), 18)
    assert found.audio_lost_s < 0.001, "else pipes.lateness.LAG_NS is too short for LOSSY_NS"


@pytest.mark.parametrize("pause_s", [0.3, 0.6])
def test_a_short_pause_of_the_network_costs_no_audio(pause_s: float) -> None:
    found = record(participant("sfu", pauses=[(12, pause_s)]), 18)
    assert found.audio_lost_s < 0.001


@given(
    style=styles,
    stalls=st.lists(st.tuples(st.floats(0.5, 4), st.floats(0.1, 9)), min_size=1, max_size=4),
    jitter_ms=st.integers(0, 40),
    seed=seeds,
)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_whenever_a_microphone_stalls_little_is_lost(
    style: str, stalls: list[tuple[float, float]], jitter_ms: int, seed: int
) -> None:
    at_s, happen = 10.0, []
    for after_s, stall_s in stalls:
        happen.append((at_s := at_s + after_s, stall_s))
        at_s += stall_s
    found = record(
        participant(style, audio_stalls=happen, jitter_ms=jitter_ms, seed=seed), at_s + 12
    )
    assert found.audio_lost_s < 0.3 * len(stalls)
    assert found.video_lost == 0
    assert found.worst_apart_s(at_s + 1, at_s + 11) < (25 + jitter_ms) * MS


@pytest.mark.parametrize("style", ["aiortc", "sfu"])
def test_a_camera_whose_rtp_clock_stands_still_is_followed_too(style: str) -> None:
    found = record(participant(style, video_stalls=[(12, 3)]), 30)
    assert found.audio_lost_s == 0
    assert found.video_lost <= 30, "those of the first second"
    assert found.worst_apart_s(16, 29) < 10 * MS


@pytest.mark.parametrize("style", ["aiortc", "sfu"])
def test_a_publisher_of_whom_everything_stands_still_stays_in_step(style: str) -> None:
    stalls = [(12.0, 4.0)]
    found = record(participant(style, audio_stalls=stalls, video_stalls=stalls), 32)
    assert found.audio_lost_s < 0.03
    assert found.worst_apart_s(17, 31) < 10 * MS


@pytest.mark.parametrize("style", ["aiortc", "sfu"])
@pytest.mark.parametrize("silence_s", [0.3, 2, 8, 20])
def test_silence_with_an_rtp_clock_that_goes_on_is_no_stall(silence_s: float, style: str) -> None:
    found = record(participant(style, audio_silences=[(12, silence_s)]), 20 + silence_s)
    assert found.audio_lost_s == 0
    assert found.moved_s(TrackKind.AUDIO, 5, 19 + silence_s) < 10 * MS


# -- networks


@given(
    style=styles,
    pause_s=st.floats(0.4, 3),
    drain=st.floats(0.001, 0.6),
    jitter_ms=st.integers(0, 40),
    seed=seeds,
)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_what_a_network_held_back_keeps_its_place(
    style: str, pause_s: float, drain: float, jitter_ms: int, seed: int
) -> None:
    who = participant(style, pauses=[(12, pause_s)], drain=drain, jitter_ms=jitter_ms, seed=seed)
    found = record(who, 30)
    assert found.moved_s(TrackKind.AUDIO, 5, 29) < (10 + jitter_ms) * MS
    assert found.moved_s(TrackKind.VIDEO, 8, 29) < (10 + jitter_ms) * MS
    # The timeline waits for 0.7 s: what was captured within them of the end of the pause is there.
    too_late_s = max(0, pause_s - 0.5) / (1 - drain) + 0.05
    assert found.audio_lost_s <= too_late_s


@pytest.mark.parametrize("style", REPORTS)
@pytest.mark.parametrize("longer_s", [0.15, 0.5, 1.5])
def test_a_path_that_becomes_longer_costs_no_audio(longer_s: float, style: str) -> None:
    found = record(participant(style, delays=[(12, longer_s)]), 30)
    assert found.audio_lost_s < 0.05, "18 s of 1.5 s more, when arrivals were followed by 0.05 %"
    apart = 45 * MS if style == "none" else 10 * MS
    assert found.wrong_s(8, 29, apart) < 0.9, "video is placed before it is clear"


@pytest.mark.parametrize(
    ("style", "kind", "stall_s", "longer_s", "after_s", "seed"),
    [
        ("aiortc", "audio", 2.8, 1.05, 1.0, 1),
        ("aiortc", "audio", 3.87, 0.32, 0.1, 2),
        ("sfu", "audio", 3.3, 1.45, 0.4, 3),
        ("aiortc", "video", 2.0, 0.93, 0.9, 4),
        ("sfu", "video", 3.47, 1.18, 0.2, 5),
    ],
)
def test_a_path_that_becomes_longer_while_one_stalls_is_no_part_of_the_stall(
    style: str, kind: str, stall_s: float, longer_s: float, after_s: float, seed: int
) -> None:
    changes: dict[str, object] = {f"{kind}_stalls": [(15, stall_s)]}
    changes["delays"] = [(15 + after_s, longer_s)]
    back_s = 15 + stall_s + 0.3
    found = record(participant(style, seed=seed, **changes), back_s + 16)
    assert found.wrong_s(back_s + 1, back_s + 15, 80 * MS) < 0.5
    assert found.audio_lost_s < 0.05


def test_a_network_that_becomes_busy_little_by_little_costs_little_audio() -> None:
    busier = [(12 + step / 10, 0.02) for step in range(100)]
    found = record(participant(delays=busier), 40)
    assert found.audio_lost_s < 1, "2 s later in the end"
    assert found.wrong_s(8, 39, 60 * MS) < 3 * 0.5


@given(style=styles, jitter_ms=st.integers(0, 70), seed=seeds)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_jitter_moves_nothing(style: str, jitter_ms: int, seed: int) -> None:
    found = record(participant(style, jitter_ms=jitter_ms, seed=seed), 40)
    assert found.audio_lost_s < 0.001
    assert found.moved_s(TrackKind.AUDIO, 1, 39) < 20 * MS


# -- single frames


def stray(strays: dict[int, int], jitter_ms: int = 5) -> float:
    """Gives a receiver audio in which the RTP times of some frames, by index, are so many ticks
    off; returns how many seconds are lost or filled with silence."""
    mixer, chance, came_ns = Mixer(), random.Random(1), 0

    def take(event: SourceEvent) -> None:
        if isinstance(event, FrameReceived):
            mixer.push("a", samples_at(event.time_ns - 10**12), np.ones((960, 2), np.int16))

    receiver = Receiver(take)
    receiver.set_publications([Publication("a", TrackKind.AUDIO, participant="p")])
    receiver.wanted = frozenset({"a"})
    for index in range(600):
        at_ns = index * 20_000_000
        came_ns = max(came_ns + 1, 10**12 + at_ns + chance.randint(0, jitter_ms * 10**6))
        rtp = (1 << 33) + index * 960 + strays.get(index, 0)
        receiver.frame_arrived(
            ArrivedFrame("a", 1, TrackKind.AUDIO, 48_000, rtp, came_ns, AUDIO_FRAME)
        )
        if index % 5 == 0:
            mixer.pull(samples_at(at_ns - 700_000_000))
    receiver.finish()
    mixer.pull(mixer.furthest)
    statistics = mixer.statistics()
    return (statistics.late + statistics.filled) / 48_000


@pytest.mark.parametrize(
    "off_s", [0.06, 0.1, 0.4, 0.95, 1.05, 200, 1e5, -0.06, -0.1, -0.4, -0.95, -3, -9, -30, -1e5]
)
def test_single_frames_with_another_rtp_time_cost_no_more_than_themselves(off_s: float) -> None:
    off = int(off_s * 48_000)
    lost_s = stray(dict.fromkeys([100, 200, 300, 400, 500], off)) - stray({})
    assert lost_s <= 5 * 0.02, "0.9 s each, where only those a second off were seen"


@given(index=st.integers(100, 500), off_s=st.floats(-20, 20), jitter_ms=st.integers(0, 40))
@settings(max_examples=20, deadline=None, phases=QUICK)
def test_whatever_a_single_rtp_time_says_little_is_lost(
    index: int, off_s: float, jitter_ms: int
) -> None:
    lost_s = stray({index: int(off_s * 48_000)}, jitter_ms) - stray({}, jitter_ms)
    assert lost_s < 0.3, "0.02 s where it is off by more than the jitter"


@pytest.mark.parametrize("kind", [TrackKind.AUDIO, TrackKind.VIDEO])
@pytest.mark.parametrize("off_s", [0.3, -0.3])
def test_a_single_stray_is_followed_by_frames_in_their_places(
    kind: TrackKind, off_s: float
) -> None:
    clock, rate = ParticipantClock(), 48_000
    for index in range(200):
        rtp = (1 << 33) + index * 960 + (int(off_s * rate) if index == 100 else 0)
        how = {"rtp": rtp, "arrival_ns": 10**12 + index * 20_000_000}
        time_ns = clock.time("a", 1, kind=kind, rate=rate, **how)
        assert abs(time_ns - how["arrival_ns"]) <= 1


def test_frames_from_another_time_line_that_goes_on_are_followed() -> None:
    clock = ParticipantClock()
    how = {"kind": TrackKind.AUDIO, "rate": 48_000}
    for index in range(100):
        rtp = (5 << 32) + index * 960 if index < 50 else (7 << 32) + index * 960
        arrival_ns = 10**12 + index * 20_000_000
        time_ns = clock.time("a", 1, rtp=rtp, arrival_ns=arrival_ns, **how)  # type: ignore[arg-type]
        assert abs(time_ns - arrival_ns) < 21_000_000


# -- frames that wait


def held_frames() -> tuple[Receiver, list[int], ArrivedFrame]:
    """A receiver that holds two frames, which came 2 s late; the times of those it gave."""
    times: list[int] = []

    def take(event: SourceEvent) -> None:
        if isinstance(event, FrameReceived):
            times.append(event.time_ns)

    receiver = Receiver(take)
    receiver.set_publications([Publication("a", TrackKind.AUDIO, participant="p")])
    receiver.wanted = frozenset({"a"})
    for index in range(102):
        late_ns = 2 * 10**9 if index >= 100 else 0
        at_ns = 10**12 + index * 20_000_000 + late_ns
        frame = ArrivedFrame(
            "a", 1, TrackKind.AUDIO, 48_000, 10**9 + index * 960, at_ns, AUDIO_FRAME
        )
        receiver.frame_arrived(frame)
    assert len(times) == 100, "two wait until the next ones tell where they belong"
    return receiver, times, frame


def test_frames_that_wait_are_given_when_nothing_follows() -> None:
    for end in ("finish", "forget_times", "set_publications"):
        receiver, times, _ = held_frames()
        for _ in range(2):
            getattr(receiver, end)(*([[]] if end == "set_publications" else []))
        assert len(times) == 102


def test_frames_that_wait_are_given_before_those_of_another_stream() -> None:
    receiver, times, last = held_frames()
    receiver.frame_arrived(replace(last, stream=2, rtp=77))
    assert len(times) == 103
    assert times == sorted(times)


def test_not_more_frames_wait_than_there_is_room_for() -> None:
    receiver, times, last = held_frames()
    for index in range(1, MOST_HELD):
        receiver.frame_arrived(
            replace(last, rtp=last.rtp + index * 960, arrival_ns=last.arrival_ns + index)
        )
    assert len(times) >= 100 + MOST_HELD
