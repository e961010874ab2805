"""A participant, a network and a recorder in simulated time: what arrives when, and what is lost.

Frames and sender reports go through `Receiver` into a real `Timeline`, as those of a room do.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from hypothesis import Phase

from orchestrator.media import AUDIO_RATE, SECOND_NS, Publication, TrackKind
from orchestrator.pipes.timeline import Timeline
from orchestrator.sources.received_media import ArrivedFrame, SenderReport
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import FrameReceived, SourceEvent, TimesSettled

MS: Final = 1_000_000
BEGAN_NS: Final = 5_000 * SECOND_NS
"""The recorder's clock when the publisher's true time is 0."""
NTP_NS: Final = 3_900_000_000 * SECOND_NS
TICK_NS: Final = 100 * MS
"""How often frames are taken from the decoders, and `Timeline.tick` is called."""

AUDIO_FRAME: Final = av.AudioFrame("s16", "stereo", 960)
VIDEO_FRAME: Final = av.VideoFrame(16, 16)


Made = Callable[["Track", "Participant", int], tuple[int, int] | None]
"""Gives what a report made at a moment says: RTP time and NTP time (ns); None: there is none."""


@dataclass
class Track:
    """One track of the publisher."""

    kind: TrackKind
    rate: int
    step_ns: int
    path_ns: int
    """Least time from capture to arrival."""
    first_rtp: int = 1_000_000
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """Nothing is captured from that second on, for so many; the RTP clock stands still."""
    silences: list[tuple[float, float]] = field(default_factory=list)
    """The same, but the RTP clock goes on (DTX, loss)."""
    reports_every_s: tuple[float, float] = (0.5, 1.5)
    made: Made | None = None
    """What its reports say; None: there are none."""
    begins_s: float = 0.0
    """When its first frame is captured; its reports begin at once."""

    def stalled(self, at_ns: int) -> bool:
        return any(s <= at_ns / SECOND_NS < s + n for s, n in self.stalls)

    def silent(self, at_ns: int) -> bool:
        return any(s <= at_ns / SECOND_NS < s + n for s, n in self.silences)

    def rtp(self, at_ns: int) -> int:
        """The RTP clock, unwrapped."""
        stood_ns = sum(
            min(max(at_ns - int(s * SECOND_NS), 0), int(n * SECOND_NS)) for s, n in self.stalls
        )
        return self.first_rtp + (at_ns - stood_ns) * self.rate // SECOND_NS


def microphone(**changes: object) -> Track:
    return Track(TrackKind.AUDIO, 48_000, 20 * MS, 25 * MS, **changes)  # type: ignore[arg-type]


def camera(**changes: object) -> Track:
    return Track(TrackKind.VIDEO, 90_000, 33_333_333, 60 * MS, **changes)  # type: ignore[arg-type]


@dataclass
class Participant:
    """Who publishes, and the network in between."""

    tracks: list[Track]
    steps: list[tuple[float, float]] = field(default_factory=list)
    """The publisher's wall clock is set by so many seconds at that second."""
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """The network holds everything back from that second on, for so many; then it all comes."""
    drain: float = 0.02
    """How much of its own time what was held takes to come; 1 never catches up."""
    delays: list[tuple[float, float]] = field(default_factory=list)
    """The path becomes longer by so many seconds at that second, for good."""
    jitter_ms: int = 5
    seed: int = 1

    def ntp_ns(self, at_ns: int) -> int:
        """The publisher's wall clock."""
        return NTP_NS + at_ns + sum(int(by * SECOND_NS) for s, by in self.steps if at_ns >= s * 1e9)

    def longer_ns(self, at_ns: int) -> int:
        return sum(int(by * SECOND_NS) for s, by in self.delays if at_ns >= s * 1e9)

    def arrival_ns(self, sent_ns: int) -> int:
        for start_s, length_s in self.pauses:
            start_ns, end_ns = int(start_s * 1e9), int((start_s + length_s) * 1e9)
            behind_ns = sent_ns - start_ns
            if behind_ns >= 0 and (came_ns := end_ns + int(behind_ns * self.drain)) > sent_ns:
                return came_ns
        return sent_ns


def of_aiortc(track: Track, who: Participant, at_ns: int) -> tuple[int, int] | None:
    """The time of the last frame that was sent, and when that was."""
    sent_ns = at_ns - at_ns % track.step_ns
    while sent_ns >= 0 and (track.stalled(sent_ns) or track.silent(sent_ns)):
        sent_ns -= track.step_ns
    if sent_ns < track.begins_s * SECOND_NS:
        return (0, 0)
    return track.rtp(sent_ns), who.ntp_ns(sent_ns)


def of_an_sfu(interval_s: float) -> Made:
    """LiveKit's: the publisher's last report (each `interval_s`), gone on from to this moment."""

    def made(track: Track, who: Participant, at_ns: int) -> tuple[int, int] | None:
        then_ns, passed_ns = at_ns + 1, -1
        while passed_ns < 0:
            then_ns = (then_ns - 1) - (then_ns - 1) % int(interval_s * SECOND_NS)
            passed_ns = at_ns - then_ns - who.longer_ns(then_ns)
        if then_ns < track.begins_s * SECOND_NS:
            return None
        return track.rtp(then_ns) + passed_ns * track.rate // SECOND_NS, (
            who.ntp_ns(then_ns) + passed_ns
        )

    return made


REPORTS: Final = {
    "aiortc": (of_aiortc, of_aiortc, (0.5, 1.5)),
    "sfu": (of_an_sfu(5), of_an_sfu(1), (2.5, 3.5)),
    "none": (None, None, (1, 1)),
}
"""What audio's and video's reports say, and how often they come (s)."""


def participant(style: str = "aiortc", **changes: object) -> Participant:
    """A microphone and a camera; `audio_*` and `video_*` are theirs, the rest is the network's."""
    audio, video, every_s = REPORTS[style]
    each: dict[str, dict[str, object]] = {"audio": {}, "video": {}}
    for name in [*changes]:
        kind, _, field = name.partition("_")
        if kind in each:
            each[kind][field] = changes.pop(name)
    tracks = [
        microphone(**{"made": audio, "reports_every_s": every_s} | each["audio"]),
        camera(**{"made": video, "reports_every_s": every_s} | each["video"]),
    ]
    return Participant(tracks, **changes)  # type: ignore[arg-type]


Times = npt.NDArray[np.float64]

QUICK: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""A run takes a tenth of a second: to look for the simplest that fails would take minutes."""


@dataclass
class Recorded:
    """Where the frames of a run stand, and what was lost."""

    placed: dict[TrackKind, list[tuple[float, float]]]
    """True time of capture, and how much later it stands, of each frame; in seconds."""
    timeline: Timeline
    before: int
    """Samples that were captured before the recording's beginning."""

    @property
    def audio_lost_s(self) -> float:
        return (self.timeline.statistics().audio.late - self.before) / AUDIO_RATE

    @property
    def video_lost(self) -> int:
        return self.timeline.statistics().video_late

    def apart_s(self, moments: Times) -> Times:
        """How much later the audio of each moment stands than its video."""
        return self._errors_s(TrackKind.AUDIO, moments) - self._errors_s(TrackKind.VIDEO, moments)

    def _errors_s(self, kind: TrackKind, moments: Times) -> Times:
        """How far the frames captured next to these moments stand from them."""
        at, error = np.array(self.placed[kind]).T
        return np.asarray(error[np.minimum(np.searchsorted(at, moments), len(at) - 1)])

    def worst_apart_s(self, start_s: float, end_s: float) -> float:
        """The largest of all between two moments."""
        return float(np.abs(self.apart_s(np.arange(start_s, end_s, 0.02))).max())

    def wrong_s(self, start_s: float, end_s: float, limit_s: float) -> float:
        """For how long they are further apart than that."""
        apart = self.apart_s(np.arange(start_s, end_s, 0.02))
        return 0.02 * int((np.abs(apart) > limit_s).sum())

    def moved_s(self, kind: TrackKind, start_s: float, end_s: float) -> float:
        """How far apart the errors of a kind's frames are between two moments."""
        errors = [error for at, error in self.placed[kind] if start_s <= at < end_s]
        return max(errors) - min(errors)


def _packets(
    who: Participant, end_s: float
) -> Iterator[tuple[int, int, Track, int | tuple[int, int]]]:
    """All packets with their arrivals; frames as moments of capture, reports as what they say."""
    chance, order = random.Random(who.seed), count()
    for track in who.tracks:
        came_ns = 0
        for at_ns in range(0, int(end_s * SECOND_NS), track.step_ns):
            if track.stalled(at_ns) or track.silent(at_ns) or at_ns < track.begins_s * SECOND_NS:
                continue
            sent_ns = at_ns + track.path_ns + chance.randint(0, who.jitter_ms * MS)
            arrival_ns = who.arrival_ns(sent_ns + who.longer_ns(at_ns))
            came_ns = max(came_ns + 1, arrival_ns)  # nothing overtakes
            yield came_ns, next(order), track, at_ns
        at_ns = 0
        while (
            track.made
            and (at_ns := at_ns + int(chance.uniform(*track.reports_every_s) * 1e9)) < end_s * 1e9
        ):
            content = track.made(track, who, at_ns)
            if content is not None:
                way_ns = min(each.path_ns for each in who.tracks) + who.longer_ns(at_ns)
                yield who.arrival_ns(at_ns + way_ns), next(order), track, content


def record(who: Participant, end_s: float) -> Recorded:
    """Lets it all happen until a moment of the publisher's time."""
    true_ns: dict[str, deque[int]] = {track.kind.value: deque() for track in who.tracks}
    placed: dict[TrackKind, list[tuple[float, float]]] = {t.kind: [] for t in who.tracks}
    timeline = Timeline(hold=True)
    timeline.expect(audio=frozenset({"audio"}), video=any(t.kind == "video" for t in who.tracks))

    def take(event: SourceEvent) -> None:
        if isinstance(event, TimesSettled):
            kind, by_s = TrackKind(event.sid), event.by_ns / 1e9
            placed[kind] = [(at, error + by_s) for at, error in placed[kind]]
            timeline.settle_video(event.by_ns)
        if not isinstance(event, FrameReceived):
            return
        at_ns = true_ns[event.sid].popleft()
        kind = TrackKind(event.sid)
        placed[kind].append((at_ns / 1e9, (event.time_ns - BEGAN_NS - at_ns) / 1e9))
        if kind is TrackKind.AUDIO:
            timeline.push_audio(event.sid, event.time_ns, np.ones((960, 2), np.int16))
        else:
            timeline.push_video(event.time_ns, VIDEO_FRAME)

    receiver = Receiver(take)
    receiver.set_publications(
        Publication(t.kind.value, t.kind, participant="publisher") for t in who.tracks
    )
    receiver.wanted = frozenset(true_ns)
    packets = [*_packets(who, end_s)]
    heapq.heapify(packets)
    waiting: list[ArrivedFrame] = []
    tick_ns, before = TICK_NS, 0
    while packets:
        came_ns, _, track, content = heapq.heappop(packets)
        while came_ns >= tick_ns:
            for frame in waiting:
                receiver.frame_arrived(frame)
            waiting.clear()
            timeline.tick(BEGAN_NS + tick_ns)
            before = timeline.statistics().audio.late if tick_ns <= SECOND_NS else before
            tick_ns += TICK_NS
        if isinstance(content, int):
            true_ns[track.kind.value].append(content)
            waiting.append(_frame(track, content, came_ns))
        else:
            receiver.report_arrived(_report(track, content, came_ns))
    for frame in waiting:
        receiver.frame_arrived(frame)
    receiver.finish()
    timeline.finish()
    return Recorded(placed, timeline, before)


def _frame(track: Track, at_ns: int, came_ns: int) -> ArrivedFrame:
    shown = AUDIO_FRAME if track.kind is TrackKind.AUDIO else VIDEO_FRAME
    sid, arrival_ns = track.kind.value, BEGAN_NS + came_ns
    return ArrivedFrame(sid, 1, track.kind, track.rate, track.rtp(at_ns), arrival_ns, shown)


def _report(track: Track, content: tuple[int, int], came_ns: int) -> SenderReport:
    rtp, ntp = content[0] % (1 << 32), (content[1] << 32) // SECOND_NS
    sid, arrival_ns = track.kind.value, BEGAN_NS + came_ns
    return SenderReport(sid, 1, track.kind, track.rate, rtp, ntp, arrival_ns)
