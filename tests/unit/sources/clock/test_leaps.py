"""RTP times that leap from one frame to the next: nothing waits long for what it means."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from orchestrator.media import SECOND_NS, Publication, TrackKind
from orchestrator.sources.clock.participant_clock import ParticipantClock
from orchestrator.sources.received_media import ArrivedFrame
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import FrameReceived, SourceEvent
from tests.kit.sources.simulation import AUDIO_FRAME, NTP_NS, VIDEO_FRAME

BEGAN_NS = 10**12


def given_out(kind: TrackKind, frames: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Gives a receiver frames by media time and arrival; where each stands, and when it was given
    out. All in seconds."""
    times: list[tuple[float, float]] = []
    now_s, rate = 0.0, 90_000 if kind is TrackKind.VIDEO else 48_000

    def take(event: SourceEvent) -> None:
        if isinstance(event, FrameReceived):
            times.append(((event.time_ns - BEGAN_NS) / SECOND_NS, now_s))

    receiver = Receiver(take)
    receiver.set_publications([Publication("a", kind, participant="p")])
    receiver.wanted = frozenset({"a"})
    shown = VIDEO_FRAME if kind is TrackKind.VIDEO else AUDIO_FRAME
    for media_s, now_s in frames:
        rtp, arrival_ns = (1 << 34) + int(media_s * rate), BEGAN_NS + int(now_s * SECOND_NS)
        receiver.frame_arrived(ArrivedFrame("a", 1, kind, rate, rtp, arrival_ns, shown))
    return times


def test_a_slide_that_comes_sooner_than_the_ones_before_doesnt_wait_for_the_next() -> None:
    frames = [(5.0 * index, 5 * index + late) for index, late in enumerate((0.4, 0.3, 0.1, 0.0))]
    times = given_out(TrackKind.VIDEO, frames)
    assert [given_s for _, given_s in times] == [came_s for _, came_s in frames]
    assert all(
        abs(at_s - came_s) < 0.4 for (at_s, _), (_, came_s) in zip(times, frames, strict=True)
    )


@pytest.mark.parametrize("kind", TrackKind)
def test_an_rtp_clock_that_leaps_at_each_frame_holds_nothing_up(kind: TrackKind) -> None:
    frames = [(3.0 * index, index / 30) for index in range(300)]
    times = given_out(kind, frames)
    assert len(times) == 300
    for (at_s, given_s), (_, came_s) in zip(times, frames, strict=True):
        assert abs(at_s - came_s) < 0.1
        assert given_s - came_s < 0.05


@pytest.mark.parametrize("rate", [15, 30])
@pytest.mark.parametrize("between", [1, 2, 3])
def test_b_frames_keep_their_distances(between: int, rate: int) -> None:
    """The frame shown behind B-frames was sent before them: its time leaps, each time."""
    frames, first = [(0.0, 0.0)], 1
    for _ in range(100):
        last = first + between
        came = {last: first} | {each: each + 1 for each in range(first, last)}
        frames += [(each / rate, came[each] / rate) for each in range(first, last + 1)]
        first = last + 1
    at_s = np.array([at_s for at_s, _ in given_out(TrackKind.VIDEO, frames)])
    settled_s = at_s[at_s > 2]  # no others tell where the first frames belong
    assert np.abs(np.diff(settled_s) - 1 / rate).max() < 0.003


def test_a_longer_path_is_no_frame_of_a_video_that_has_only_reported() -> None:
    clock = ParticipantClock(unsettled=True)
    audio = {"kind": TrackKind.AUDIO, "rate": 48_000}
    video = {"kind": TrackKind.VIDEO, "rate": 90_000}

    def ntp(at_ns: int) -> int:
        return ((NTP_NS + at_ns) << 32) // SECOND_NS

    for index in range(1500):
        at_ns = index * 20_000_000
        longer_ns = 1_500_000_000 if index >= 1000 else 0
        arrival_ns, rtp = BEGAN_NS + at_ns + longer_ns, index * 960 + 10**9
        clock.time("a", 1, rtp=rtp, arrival_ns=arrival_ns, **audio)  # type: ignore[arg-type]
        if index % 150 == 149:
            said = {"ntp": ntp(at_ns), "arrival_ns": arrival_ns}
            clock.report("a", 1, rtp=rtp, **said, **audio)  # type: ignore[arg-type]
            clock.report("v", 1, rtp=at_ns * 9 // 10**5, **said, **video)  # type: ignore[arg-type]
    assert clock.settle("v", patience_ns=0) is None, "where should it stand?"
