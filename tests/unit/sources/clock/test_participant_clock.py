"""The clock, fed by a simulated publisher: no real time, no network."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.sources.clock.participant_clock import ParticipantClock
from orchestrator.sources.clock.sender_clock import NEAR_NS

pytestmark = pytest.mark.slow

MS = 1_000_000
NTP_EPOCH_NS = 3_900_000_000 * SECOND_NS
START_NS = 1_000 * SECOND_NS


def ntp(at_ns: int) -> int:
    """A 64-bit NTP timestamp."""
    return ((NTP_EPOCH_NS + at_ns) << 32) // SECOND_NS


@dataclass
class Sender:
    """One track of a publisher whose clocks are off by `ppm`."""

    kind: TrackKind
    rate: int
    step_ns: int
    delay_ns: int
    ppm: float = 0.0
    """How fast the track's own crystal runs."""
    clock_ppm: float | None = None
    """The same of the clock in the reports; None if it is that crystal."""
    first_rtp: int = 0
    sid: str = ""
    stream: int = 1
    stalled_ns: int = 0
    errors_ns: list[int] = field(default_factory=list)
    last_ns: int | None = None

    def __post_init__(self) -> None:
        self.sid = self.kind.value

    def media_ns(self, at_ns: int) -> int:
        """What the sender's own clock says at a true moment."""
        return at_ns + int(at_ns * self.ppm / 1e6)

    def clock_ns(self, at_ns: int) -> int:
        """What the clock in the reports says."""
        return (
            self.media_ns(at_ns)
            if self.clock_ppm is None
            else at_ns + int(at_ns * self.clock_ppm / 1e6)
        )

    def rtp(self, at_ns: int) -> int:
        return self.first_rtp + (self.media_ns(at_ns) - self.stalled_ns) * self.rate // SECOND_NS

    def send(self, clock: ParticipantClock, at_ns: int, jitter_ns: int = 0) -> int:
        """A frame captured at a true moment; returns how far its time is from the truth."""
        time_ns = clock.time(
            self.sid,
            self.stream,
            kind=self.kind,
            rate=self.rate,
            rtp=self.rtp(at_ns),
            arrival_ns=START_NS + at_ns + self.delay_ns + jitter_ns,
        )
        assert self.last_ns is None or time_ns > self.last_ns, "time went back"
        self.last_ns = time_ns
        self.errors_ns.append(time_ns - START_NS - at_ns)
        return self.errors_ns[-1]

    def report(self, clock: ParticipantClock, at_ns: int, error_ns: int = 0) -> None:
        clock.report(
            self.sid,
            self.stream,
            kind=self.kind,
            rate=self.rate,
            rtp=self.rtp(at_ns) % (1 << 32),
            ntp=ntp(self.clock_ns(at_ns) + error_ns),
            arrival_ns=START_NS + at_ns + self.delay_ns,
        )


def audio(**changes: object) -> Sender:
    return Sender(TrackKind.AUDIO, 48_000, 20 * MS, 30 * MS, **changes)  # type: ignore[arg-type]


def video(**changes: object) -> Sender:
    return Sender(TrackKind.VIDEO, 90_000, 33 * MS, 80 * MS, **changes)  # type: ignore[arg-type]


def run(
    clock: ParticipantClock,
    senders: list[Sender],
    *,
    start_s: float = 0,
    end_s: float,
    report_every_s: float | None = 3,
    jitter_ns: int = 0,
    report_error_ns: int = 0,
    seed: int = 1,
) -> None:
    """Sends all frames in order; `report_error_ns` is that of audio, a twelfth of it of video."""
    chance = random.Random(seed)
    end_ns = int(end_s * SECOND_NS)
    due = {sender.sid: int(start_s * SECOND_NS) for sender in senders}
    report_ns = int(start_s * SECOND_NS) + SECOND_NS
    while (sender := min(senders, key=lambda one: due[one.sid])) and due[sender.sid] < end_ns:
        at_ns = due[sender.sid]
        if report_every_s is not None and at_ns >= report_ns:
            report_ns += int(report_every_s * SECOND_NS)
            for one in senders:
                error_ns = report_error_ns if one.kind is TrackKind.AUDIO else report_error_ns // 12
                one.report(clock, at_ns, chance.randint(-error_ns, error_ns))
        sender.send(clock, at_ns, chance.randint(0, jitter_ns))
        due[sender.sid] += sender.step_ns


def apart_ns(one: Sender, other: Sender) -> int:
    """How far two tracks are from standing together, at their latest frames."""
    return one.errors_ns[-1] - other.errors_ns[-1]


def test_before_any_report_times_are_arrivals() -> None:
    clock, microphone, camera = ParticipantClock(), audio(), video(first_rtp=1 << 40)
    run(clock, [microphone, camera], end_s=2, report_every_s=None)
    assert set(microphone.errors_ns) <= {30 * MS, 30 * MS - 1, 30 * MS + 1}
    assert abs(camera.errors_ns[-1] - 80 * MS) <= 2


def test_reports_bring_the_video_to_the_audio_and_leave_the_audio_alone() -> None:
    clock, microphone, camera = ParticipantClock(), audio(), video()
    run(clock, [microphone, camera], end_s=2)
    assert abs(apart_ns(camera, microphone)) < 12 * MS, "one report may be off by so much"
    run(clock, [microphone, camera], start_s=2, end_s=120)
    assert max(microphone.errors_ns) - min(microphone.errors_ns) < 1 * MS
    assert abs(apart_ns(camera, microphone)) <= NEAR_NS
    steps = [b - a for a, b in zip(camera.errors_ns, camera.errors_ns[1:], strict=False)]
    assert max(map(abs, steps)) <= 33 * MS * 0.101, "slewed, not leapt"


def test_reports_that_disagree_are_taken_together() -> None:
    spreads = []
    for seed in range(8):
        clock, microphone, camera = ParticipantClock(), audio(), video()
        run(clock, [microphone, camera], end_s=60, report_error_ns=12 * MS, seed=seed)
        away = [error - 30 * MS for error in camera.errors_ns[600:]]
        assert max(map(abs, away)) < 12 * MS
        spreads.append(max(away) - min(away))
    assert statistics.median(spreads) < 8 * MS


def test_a_crystal_that_runs_off_the_sender_s_clock_is_learned() -> None:
    clock, camera = ParticipantClock(), video(clock_ppm=50)
    microphone = audio(ppm=200, clock_ppm=50)
    run(clock, [microphone, camera], end_s=1200, report_error_ns=8 * MS)
    assert abs(apart_ns(camera, microphone)) < 5 * MS
    assert clock.drift_ppm() == pytest.approx(150, abs=10)


def test_the_video_stays_where_it_is_without_audio() -> None:
    clock, camera = ParticipantClock(), video()
    run(clock, [camera], end_s=20, report_error_ns=10 * MS)
    assert max(camera.errors_ns) - min(camera.errors_ns) < 1 * MS


def test_audio_that_comes_later_is_not_moved_either() -> None:
    clock, microphone, camera = ParticipantClock(), audio(), video()
    run(clock, [camera], end_s=10)
    run(clock, [microphone, camera], start_s=10, end_s=20)
    assert max(microphone.errors_ns) - min(microphone.errors_ns) < 1 * MS
    assert abs(apart_ns(camera, microphone)) < 8 * MS


@pytest.mark.parametrize("stalled_ms", [120, 500, 2000])
def test_a_stalled_audio_clock_becomes_a_gap_at_once(stalled_ms: int) -> None:
    clock, microphone, camera = ParticipantClock(), audio(), video()
    run(clock, [microphone, camera], end_s=10)
    microphone.stalled_ns = stalled_ms * MS
    back_ns = 10 * SECOND_NS + microphone.stalled_ns
    before = microphone.send(clock, back_ns)
    microphone.report(clock, back_ns + 10 * MS)
    after = microphone.send(clock, back_ns + 20 * MS)
    assert before == pytest.approx(30 * MS, abs=stalled_ms * MS)
    assert after == pytest.approx(30 * MS, abs=2 * MS)
    run(clock, [microphone, camera], start_s=10.05 + stalled_ms / 1000, end_s=20)
    assert abs(apart_ns(camera, microphone)) < 8 * MS


def test_an_audio_clock_set_ahead_is_caught_up_with_without_a_step_back() -> None:
    clock, microphone, camera = ParticipantClock(), audio(), video()
    run(clock, [microphone, camera], end_s=10)
    microphone.stalled_ns = -300 * MS
    run(clock, [microphone, camera], start_s=10, end_s=20)
    assert abs(microphone.errors_ns[-1] - 30 * MS) < 2 * MS
    assert abs(apart_ns(camera, microphone)) < 8 * MS


def test_a_new_stream_of_the_same_publication_goes_on() -> None:
    clock, camera = ParticipantClock(), video()
    run(clock, [camera], end_s=5)
    camera.stream, camera.first_rtp = 2, 4_000_000_000
    run(clock, [camera], start_s=5.02, end_s=10)
    assert abs(camera.errors_ns[-1] - 80 * MS) < 1 * MS


@pytest.mark.parametrize("leap", [1 << 31, -(1 << 31), 90_000 * 3600, -90_000 * 3600])
def test_timestamps_from_elsewhere_are_placed_by_their_arrival(leap: int) -> None:
    clock, camera = ParticipantClock(), video(first_rtp=1 << 40)
    run(clock, [camera], end_s=5)
    camera.first_rtp += leap
    run(clock, [camera], start_s=5, end_s=6, report_every_s=None)
    assert abs(camera.errors_ns[-1] - 80 * MS) < 5 * MS


def test_audio_that_was_silent_for_an_hour_comes_back_in_its_place() -> None:
    clock, microphone, camera = ParticipantClock(), audio(ppm=100), video(ppm=100)
    run(clock, [microphone, camera], end_s=10)
    run(clock, [camera], start_s=10, end_s=3600)
    run(clock, [microphone, camera], start_s=3600, end_s=3610)
    assert abs(apart_ns(camera, microphone)) < 15 * MS
    assert abs(microphone.errors_ns[-1] - 30 * MS) < 100 * MS


def test_a_forgotten_publication_leaves_nothing() -> None:
    clock, microphone = ParticipantClock(), audio()
    run(clock, [microphone], end_s=2)
    clock.forget(microphone.sid)
    clock.forget(microphone.sid)
    assert len(clock) == 0


@pytest.mark.parametrize(
    ("microphone_ppm", "camera_ppm"),
    [
        (200, 200),
        pytest.param(-200, -200, marks=pytest.mark.all_only),
        pytest.param(100, -100, marks=pytest.mark.all_only),
    ],
)
def test_a_day_of_drift(microphone_ppm: float, camera_ppm: float) -> None:
    clock, microphone, camera = ParticipantClock(), audio(ppm=microphone_ppm), video(ppm=camera_ppm)
    # A frame a second instead of 50: nothing here depends on how many there are.
    microphone.step_ns, camera.step_ns = SECOND_NS, 970 * MS
    run(
        clock,
        [microphone, camera],
        end_s=24 * 3600,
        report_every_s=5,
        jitter_ns=5 * MS,
        report_error_ns=10 * MS,
    )
    settled = microphone.errors_ns[60:]
    assert max(abs(error - 30 * MS) for error in settled) < 15 * MS
    if microphone_ppm == camera_ppm:  # else the sender's two clocks disagree about NTP
        behind = [a - b for a, b in zip(camera.errors_ns[60:], settled, strict=False)]
        assert max(map(abs, behind)) < 25 * MS


@given(
    jitter_ms=st.integers(0, 200),
    report_error_ms=st.integers(0, 300),
    microphone_ppm=st.integers(-500, 500),
    first_rtp=st.integers(0, 1 << 34),
    seed=st.integers(0, 1 << 16),
)
@settings(max_examples=40)
def test_time_never_goes_back_whatever_comes(
    jitter_ms: int, report_error_ms: int, microphone_ppm: int, first_rtp: int, seed: int
) -> None:
    clock, microphone = ParticipantClock(), audio(ppm=float(microphone_ppm), first_rtp=first_rtp)
    run(
        clock,
        [microphone, video()],
        end_s=12,
        jitter_ns=jitter_ms * MS,
        report_error_ns=report_error_ms * MS,
        seed=seed,
    )


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 50)), max_size=60))
def test_time_never_goes_back_for_garbage(frames: list[tuple[int, int]]) -> None:
    clock, last_ns = ParticipantClock(), None
    for rtp, arrival_ns in frames:
        time_ns = clock.time(
            "a", 1, kind=TrackKind.VIDEO, rate=90_000, rtp=rtp, arrival_ns=arrival_ns
        )
        assert last_ns is None or time_ns > last_ns
        last_ns = time_ns
