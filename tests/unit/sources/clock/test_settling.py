"""A video's first seconds: right from its first frame, however late its publisher sends it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import av
import pytest

from orchestrator.media import SECOND_NS, Publication, TrackKind
from orchestrator.sources.clock.participant_clock import (
    SETTLE_ALONE_NS,
    SETTLE_NS,
    SETTLE_REPORTING_NS,
)
from orchestrator.sources.received_media import ArrivedFrame, SenderReport
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import FrameReceived, SourceEvent, TimesSettled

MS = 10**6
START_NS = 1_000 * SECOND_NS
VIDEO_STEP_NS, AUDIO_STEP_NS = SECOND_NS // 30, SECOND_NS // 50
PATH_NS = 30 * MS
"""How long a packet takes when nothing holds it up."""

MICROPHONE = Publication("a", TrackKind.AUDIO, participant="host")
CAMERA = Publication("v", TrackKind.VIDEO, participant="host")
RATES = {TrackKind.AUDIO: 48_000, TrackKind.VIDEO: 90_000}
VIDEO_FRAME = av.VideoFrame(16, 16, "yuv420p")


@dataclass
class Host:
    """One participant's tracks as they arrive; what comes of their times."""

    publications: tuple[Publication, ...] = (MICROPHONE, CAMERA)
    late_ns: int = 0
    """How late video is at first; it catches up within ten seconds."""
    events: list[SourceEvent] = field(default_factory=list)
    captured: dict[str, list[int]] = field(default_factory=dict)
    times: dict[str, list[int]] = field(default_factory=dict)
    settled_at_ns: int | None = None

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.take)
        self.receiver.set_publications(self.publications)
        self.receiver.wanted = frozenset(each.sid for each in self.publications)

    def take(self, event: SourceEvent) -> None:
        """What a recorder would do with it."""
        self.events.append(event)
        if isinstance(event, FrameReceived):
            self.times.setdefault(event.sid, []).append(event.time_ns)
        elif isinstance(event, TimesSettled):
            self.times[event.sid] = [at + event.by_ns for at in self.times[event.sid]]

    def send(self, publication: Publication, at_ns: int, arrival_ns: int) -> None:
        """A frame captured at `at_ns`."""
        kind = publication.kind
        self.captured.setdefault(publication.sid, []).append(at_ns)
        rate, rtp = RATES[kind], at_ns * RATES[kind] // SECOND_NS
        where = START_NS + arrival_ns
        self.receiver.frame_arrived(
            ArrivedFrame(publication.sid, 1, kind, rate, rtp, where, VIDEO_FRAME)
        )
        if self.settled_at_ns is None and any(isinstance(e, TimesSettled) for e in self.events):
            self.settled_at_ns = arrival_ns

    def report(self, publication: Publication, at_ns: int) -> None:
        """A sender report of the moment `at_ns`."""
        rate = RATES[publication.kind]
        self.receiver.report_arrived(
            SenderReport(
                label=publication.sid,
                stream=1,
                kind=publication.kind,
                rate=rate,
                rtp=at_ns * rate // SECOND_NS,
                ntp=((3_900_000_000 * SECOND_NS + at_ns) << 32) // SECOND_NS,
                arrival_ns=START_NS + at_ns + PATH_NS,
            )
        )

    def run(self, seconds: float, reports: dict[str, float]) -> None:
        """Everything in the order of its arrival; reports each 3 s from a moment on, by sid."""
        due: list[tuple[int, int, int]] = []
        end_ns = int(seconds * SECOND_NS)
        for number, publication in enumerate(self.publications):
            video = publication.kind is TrackKind.VIDEO
            for at_ns in range(0, end_ns, VIDEO_STEP_NS if video else AUDIO_STEP_NS):
                behind_ns = self.late_ns - at_ns * self.late_ns // (10 * SECOND_NS) if video else 0
                due.append((at_ns + PATH_NS + max(behind_ns, 0), number, at_ns))
        following = {sid: int(first_s * SECOND_NS) for sid, first_s in reports.items()}
        for arrival_ns, number, at_ns in sorted(due):
            publication = self.publications[number]
            if arrival_ns >= following.get(publication.sid, arrival_ns + 1):
                following[publication.sid] += 3 * SECOND_NS
                self.report(publication, arrival_ns - PATH_NS)
            self.send(publication, at_ns, arrival_ns)

    def errors_ns(self, sid: str) -> list[int]:
        """How far each frame's final time is from its capture and the path."""
        pairs = zip(self.times[sid], self.captured[sid], strict=True)
        return [time_ns - START_NS - PATH_NS - at_ns for time_ns, at_ns in pairs]

    def retimed(self) -> float:
        """The largest error of a distance between two of its video frames, as a share of it."""
        distances = [after - before for before, after in pairwise(self.times["v"])]
        return max(abs(each / VIDEO_STEP_NS - 1) for each in distances)


def apart_ns(host: Host) -> int:
    """How far video and audio are from standing together, anywhere."""
    audio, video = host.errors_ns("a"), host.errors_ns("v")
    return max(max(video) - min(audio), max(audio) - min(video))


@pytest.mark.parametrize("late_ms", [0, 200, 1300])
@pytest.mark.parametrize(
    ("audio_s", "video_s"), [(0.5, 0.5), (2.9, 2.9), (2.9, 0.1), (1.0, 3.1), (5.5, 2.6)]
)
def test_a_video_that_catches_up_is_right_from_its_first_frame(
    late_ms: int, audio_s: float, video_s: float
) -> None:
    host = Host(late_ns=late_ms * MS)
    host.run(20, {"a": audio_s, "v": video_s})
    assert apart_ns(host) < 10 * MS
    assert host.retimed() < 0.02
    assert len([e for e in host.events if isinstance(e, TimesSettled)]) == 1


@pytest.mark.parametrize(
    ("reports", "waited_ns"), [({}, SETTLE_NS), ({"v": 1.0}, SETTLE_REPORTING_NS)]
)
def test_reports_that_never_come_are_waited_for_only_so_long(
    reports: dict[str, float], waited_ns: int
) -> None:
    host = Host(late_ns=300 * MS)
    host.run(15, reports)
    began_ns = PATH_NS + host.late_ns
    assert host.settled_at_ns is not None
    assert 0 <= host.settled_at_ns - began_ns - waited_ns < 2 * VIDEO_STEP_NS
    # By arrivals video stands where its least late frame so far came.
    caught_up_ns = host.late_ns * host.settled_at_ns // (10 * SECOND_NS)
    assert abs(host.errors_ns("v")[0] - (host.late_ns - caught_up_ns)) < 20 * MS
    # What was not known is not hidden: reports that come later, and arrivals, move it slowly.
    assert host.retimed() < 0.02


@pytest.mark.parametrize(
    "publications",
    [
        (CAMERA,),
        (replace(MICROPHONE, muted=True), CAMERA),
        (replace(MICROPHONE, participant="guest"), CAMERA),
    ],
)
def test_video_without_audio_of_its_own_waits_only_for_arrivals(
    publications: tuple[Publication, ...],
) -> None:
    host = Host(publications, late_ns=100 * MS)
    host.publications = (CAMERA,)
    host.run(5, {})
    assert host.settled_at_ns is not None
    assert host.settled_at_ns - PATH_NS - host.late_ns < SETTLE_ALONE_NS + 2 * VIDEO_STEP_NS


def test_a_recording_that_ends_before_is_settled_by_arrivals() -> None:
    host = Host()
    host.run(1, {})
    assert host.settled_at_ns is None
    host.receiver.finish()
    assert isinstance(host.events[-1], TimesSettled)
    before = len(host.events)
    host.receiver.finish()
    assert len(host.events) == before, "said once"


def test_a_video_published_again_begins_where_the_last_one_stood() -> None:
    host = Host(late_ns=1300 * MS)
    host.run(12, {"a": 1, "v": 1})
    again = replace(CAMERA, sid="w")
    host.receiver.set_publications((MICROPHONE, again))
    host.receiver.wanted = frozenset("aw")
    for number in range(90):
        at_ns = 13 * SECOND_NS + number * VIDEO_STEP_NS
        host.send(again, at_ns, at_ns + PATH_NS)
    assert not [e for e in host.events if isinstance(e, TimesSettled) and e.sid == "w"]
    assert abs(host.errors_ns("w")[0]) < 10 * MS
