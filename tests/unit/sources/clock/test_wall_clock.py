"""Wall clocks of senders that are set, and sender reports that fit nothing."""

from __future__ import annotations

import random
from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.media import TrackKind
from tests.kit.sources.simulation import QUICK, Made, of_aiortc, participant, record

MS = 1e-3
styles = st.sampled_from(["aiortc", "sfu"])
seeds = st.integers(0, 1 << 16)


# -- the sender's wall clock


@pytest.mark.parametrize("style", ["aiortc", "sfu"])
@pytest.mark.parametrize("step_s", [0.5, -0.5, -1, -3, 3, 3600, -86400])
def test_a_wall_clock_that_is_set_moves_nothing(step_s: float, style: str) -> None:
    found = record(participant(style, steps=[(12, step_s)]), 40)
    assert found.audio_lost_s == 0
    assert found.video_lost == 0
    assert found.moved_s(TrackKind.AUDIO, 8, 39) < 2 * MS
    assert found.moved_s(TrackKind.VIDEO, 8, 39) < 2 * MS


@given(
    style=styles,
    steps=st.lists(
        st.tuples(st.floats(15, 30), st.floats(-5, 5).filter(lambda by: abs(by) > 0.2)),
        min_size=1,
        max_size=4,
    ),
    jitter_ms=st.integers(0, 30),
    seed=seeds,
)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_however_often_it_is_set(
    style: str, steps: list[tuple[float, float]], jitter_ms: int, seed: int
) -> None:
    found = record(participant(style, steps=steps, jitter_ms=jitter_ms, seed=seed), 45)
    assert found.audio_lost_s == 0
    assert found.video_lost == 0
    assert found.worst_apart_s(7, 44) < 20 * MS


@given(at_s=st.floats(0.2, 8), step_s=st.floats(-3, 3), style=styles, seed=seeds)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_a_clock_that_is_set_between_the_first_reports_is_soon_understood(
    at_s: float, step_s: float, style: str, seed: int
) -> None:
    found = record(participant(style, steps=[(at_s, step_s)], seed=seed), 35)
    # A step of 0.1 s is hardly more than the noise of reports and of arrivals.
    assert found.worst_apart_s(25, 34) < 30 * MS


def test_a_microphone_that_stalls_after_the_clock_was_set_is_followed() -> None:
    who = participant(steps=[(10, -1), (14, 3)], audio_stalls=[(16, 2), (22, 0.5)])
    found = record(who, 35)
    assert found.audio_lost_s < 0.03
    assert found.worst_apart_s(25, 34) < 10 * MS


# -- reports that fit nothing


def misleading(rtp: int | None, ntp_s: float | None, seed: int, after: int) -> Made:
    """Reports from before the track's first frame, and `after` more, are off or say anything."""
    chance = random.Random(seed)
    right_from = count(-after)

    def made(track, who, at_ns):  # type: ignore[no-untyped-def]
        if at_ns >= (track.begins_s + 0.05) * 1e9 and next(right_from) >= 0:
            return of_aiortc(track, who, at_ns)
        said = chance.getrandbits(32) if rtp is None else track.rtp(at_ns) + rtp
        ntp_ns = chance.getrandbits(62) if ntp_s is None else who.ntp_ns(at_ns) + int(ntp_s * 1e9)
        return said, ntp_ns

    return made


@given(
    kind=st.sampled_from(["audio", "video"]),
    begins_s=st.floats(1, 5),
    rtp=st.none() | st.integers(-200_000, 200_000),
    ntp_s=st.none() | st.floats(-2, 2),
    seed=seeds,
    after=st.integers(0, 1),
)
@example(kind="video", begins_s=4.637, rtp=33_763, ntp_s=-0.018, seed=12_341, after=1)
@example(kind="audio", begins_s=4.848, rtp=1_490, ntp_s=-0.054, seed=40_452, after=1)
@example(kind="audio", begins_s=2.672, rtp=-86_747, ntp_s=1.853, seed=24_062, after=1)
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_reports_before_the_first_frame_and_the_one_after_may_say_anything(
    kind: str, begins_s: float, rtp: int | None, ntp_s: float | None, seed: int, after: int
) -> None:
    changes: dict[str, object] = {f"{kind}_begins_s": begins_s}
    changes[f"{kind}_made"] = misleading(rtp, ntp_s, seed, after)
    found = record(participant(**changes, seed=seed), 25)  # type: ignore[arg-type]
    assert found.worst_apart_s(18, 24) < 20 * MS


@pytest.mark.parametrize(
    ("kind", "begins_s", "rtp", "ntp_s"),
    [
        ("audio", 2.81, 0, -3.68),
        ("audio", 1.43, -57_858, 3.38),
        ("video", 4.82, 0, 3.81),
        ("video", 2.52, -112_949, 2.62),
        ("video", 4.65, 30_129, 4.04),
    ],
)
def test_two_reports_after_the_first_frame_may_be_seconds_off_alike(
    kind: str, begins_s: float, rtp: int, ntp_s: float
) -> None:
    changes: dict[str, object] = {f"{kind}_begins_s": begins_s}
    changes[f"{kind}_made"] = misleading(rtp, ntp_s, 1, 2)
    found = record(participant(**changes), 25)  # type: ignore[arg-type]
    assert found.wrong_s(8, 24, 80 * MS) < 0.5
    assert found.audio_lost_s < 0.1


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_aiortc_s_empty_reports_are_not_believed(kind: str) -> None:
    late = {"audio_begins_s": 4.0} if kind == "audio" else {"video_begins_s": 4.0}
    found = record(participant("aiortc", **late), 25)
    assert found.worst_apart_s(8, 24) < 10 * MS
    assert found.audio_lost_s == 0


@given(seed=seeds, share=st.floats(0.02, 0.1))
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_a_single_report_that_is_off_changes_nothing(seed: int, share: float) -> None:
    chance = random.Random(seed)

    def made(track, who, at_ns):  # type: ignore[no-untyped-def]
        rtp, ntp_ns = of_aiortc(track, who, at_ns) or (0, 0)
        wrong = at_ns > 8e9 and chance.random() < share
        return rtp, ntp_ns + (chance.randint(-(10**9), 10**9) if wrong else 0)

    found = record(participant(audio_made=made, seed=seed), 60)
    assert found.audio_lost_s == 0
    assert found.worst_apart_s(7, 59) < 100 * MS


@pytest.mark.parametrize(
    ("kind", "stall", "step", "style", "seed"),
    [
        ("audio", (16.57, 1.66), (18.37, -0.62), "sfu", 10),
        ("audio", (19.03, 1.6), (19.86, -0.87), "sfu", 51),
        ("video", (15.61, 1.56), (15.65, 0.4), "sfu", 12),
        ("video", (16.82, 1.07), (18.08, -0.61), "sfu", 16),
        ("video", (14.79, 1.92), (16.77, 0.86), "sfu", 48),
    ],
)
def test_a_step_of_the_wall_clock_beside_a_stall_is_no_part_of_it(
    kind: str, stall: tuple[float, float], step: tuple[float, float], style: str, seed: int
) -> None:
    changes: dict[str, object] = {f"{kind}_stalls": [stall], "steps": [step], "seed": seed}
    found = record(participant(style, **changes), 34)
    assert found.wrong_s(sum(stall) + 1, 33, 80 * MS) < 0.5


def test_microphone_and_camera_stall_for_different_times() -> None:
    who = participant("sfu", audio_stalls=[(15.48, 1.88)], video_stalls=[(15.83, 1.64)], seed=637)
    assert record(who, 40).worst_apart_s(18.5, 39) < 20 * MS
