"""From a source's events to the writer's queue: what is subscribed to, and what stands where.

Everything here runs in the event loop and never waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import av

from orchestrator.media import AUDIO_RATE, Publication
from orchestrator.pipes.canvas import DEFAULT_CANVAS, CanvasSize
from orchestrator.pipes.items import AudioItem, Item, Samples, to_samples
from orchestrator.pipes.queue import FrameQueue
from orchestrator.pipes.timeline import Timeline
from orchestrator.recordings.choice import Absence, Choice
from orchestrator.recordings.policy import Policy, codec_name, described
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    FrameReceived,
    ParticipantsChanged,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    SourceClosed,
    SourceEvent,
)

Note = Callable[..., None]
"""Takes a kind and a message, and data for programs: a line of the recording's story."""

_SAME_SHAPE: Final = 0.02
"""Aspect ratios closer than this are the same picture in another size."""


class Capture:
    """Follows one source: chooses publications, keeps the timeline, fills the queue."""

    def __init__(
        self,
        queue: FrameQueue,
        policy: Policy,
        *,
        origin_ns: int | None,
        canvas: CanvasSize | None,
        note: Note,
    ) -> None:
        self.queue = queue
        self.timeline = Timeline(origin_ns=origin_ns)
        self.choice = Choice(policy)
        self.canvas = canvas
        """Fixed when the recording begins."""
        self.began = asyncio.Event()
        self.closed: asyncio.Future[SourceClosed] = asyncio.get_running_loop().create_future()
        self.wanted_changed = asyncio.Event()
        self.connected = True
        self.participants = 0
        self.lost_reason: str | None = None
        self._wanted: frozenset[str] = frozenset()
        self._picture: str | None = None
        """Whose picture came last."""
        self._finished = False
        self._resamplers: dict[str, av.AudioResampler] = {}
        self._note = note

    @property
    def wanted(self) -> frozenset[str]:
        """What is to be received."""
        return self._wanted

    @property
    def unsupported(self) -> Publication | None:
        """The chosen picture, if it is in a codec we can't receive and no frame of it came."""
        return self.choice.unsupported

    def on_event(self, event: SourceEvent) -> None:
        """Take one event of the source."""
        match event:
            case FrameReceived():
                if not self._finished:
                    self._frame(event)
            case PublicationAdded(publication):
                self.choice.put(publication)
                self._note("published", described(publication))
                self._chosen()
            case PublicationChanged(publication):
                self._changed(publication)
            case PublicationRemoved(sid):
                self._removed(sid)
            case ParticipantsChanged(count):
                self.participants = count
            case ConnectionLost(reason):
                self._connection(False, reason)
            case ConnectionRestored():
                self._connection(True, None)
            case SourceClosed():
                if not self.closed.done():
                    self.closed.set_result(event)

    def tick(self) -> None:
        """Time passed: fill what can't come any more."""
        if not self._finished:
            self._put(self.timeline.tick(time.monotonic_ns()))

    def finish(self) -> None:
        """Nothing more comes: give out what is held, and close the queue."""
        self._put(self.timeline.finish())
        self._finished = True
        self.queue.close()

    def warnings(self) -> list[str]:
        """What a person watching should know now, in words."""
        found = self.choice.warnings()
        if self.lost_reason:
            found.append(f"Connection lost, being tried again: {self.lost_reason}")
        return found

    def _changed(self, publication: Publication) -> None:
        before = self.choice.publications.get(publication.sid)
        self.choice.put(publication)
        if before is not None and before.muted != publication.muted:
            self._note("muted" if publication.muted else "unmuted", described(publication))
        self._chosen()

    def _connection(self, connected: bool, reason: str | None) -> None:
        self.connected, self.lost_reason = connected, reason
        self.wanted_changed.set()
        told = f"lost: {reason}" if reason else "restored"
        self._note("connection", told, connected=connected)

    def _removed(self, sid: str) -> None:
        if (gone := self.choice.remove(sid)) is not None:
            self._note("unpublished", described(gone))
        self._resamplers.pop(sid, None)
        self._chosen()

    def _chosen(self) -> None:
        """Something about the choice may have changed: follow it."""
        choice = self.choice
        self.timeline.expect(audio=choice.expects_audio, video=choice.expects_video)
        if choice.wanted != self._wanted:
            self._wanted = choice.wanted
            self.wanted_changed.set()

    def _frame(self, event: FrameReceived) -> None:
        if not self.choice.takes(event.sid):
            return
        if isinstance(event.frame, av.AudioFrame):
            self._sound(event.sid, event.time_ns, event.frame)
            return
        if event.sid != self._picture:
            self._note("picture", described(self.choice.publications[event.sid]))
            self._picture = event.sid
            self._chosen()
        if self.canvas is None:
            self.canvas = canvas_for(self.choice.publications[event.sid], event.frame)
        self._put(self.timeline.push_video(event.time_ns, event.frame))

    def _sound(self, sid: str, time_ns: int, frame: av.AudioFrame) -> None:
        if not self.timeline.begun and self.unsupported is not None:
            return  # not a silent file without a picture
        for samples in self._pcm(sid, frame):
            self._put(self.timeline.push_audio(sid, time_ns, samples))

    def _pcm(self, sid: str, frame: av.AudioFrame) -> list[Samples]:
        known = (frame.format.name, frame.layout.name, frame.sample_rate)
        if known == ("s16", "stereo", AUDIO_RATE):
            return [to_samples(frame)]
        resampler = self._resamplers.get(sid)
        if resampler is None:
            resampler = self._resamplers[sid] = av.AudioResampler("s16", "stereo", AUDIO_RATE)
        frame.pts = None
        return [to_samples(made) for made in resampler.resample(frame)]

    def _put(self, items: list[Item]) -> None:
        if items and not self.began.is_set():
            self.canvas = self.canvas or DEFAULT_CANVAS
            self.queue.next_sample = self._first_sample(items)
            self.began.set()
        for item in items:
            self.queue.put_nowait(item)

    def _first_sample(self, items: list[Item]) -> int:
        first = next((i.pts for i in items if isinstance(i, AudioItem)), None)
        return self.timeline.next_sample if first is None else first


def canvas_for(publication: Publication, frame: av.VideoFrame) -> CanvasSize:
    """The publication's announced size if the frame has its shape, else the frame's.

    The first frames of a subscription may be a small simulcast layer.
    """
    width, height = publication.width, publication.height
    if width * height > frame.width * frame.height:
        announced, seen = Fraction(width, height), Fraction(frame.width, frame.height)
        if abs(float(announced / seen) - 1) < _SAME_SHAPE:
            return CanvasSize.fitting(width, height)
    return CanvasSize.fitting(frame.width, frame.height)


def statistics(capture: Capture) -> dict[str, Any]:
    """The capture's part of the figures."""
    timeline, queue = capture.timeline.statistics(), capture.queue.statistics()
    audio = timeline.audio
    choice = capture.choice
    choice.look()
    return {
        "video": {
            "codec": codec_name(choice.video) if choice.video else None,
            "width": capture.canvas.width if capture.canvas else None,
            "height": capture.canvas.height if capture.canvas else None,
            "received": timeline.video_received,
            "late": timeline.video_late,
            "filled": timeline.video_filled,
            "dropped": queue.video_dropped,
            **_absence("no_picture", choice.no_picture),
        },
        "audio": {
            "received_s": round(audio.received / AUDIO_RATE, 3),
            "written_s": round(audio.written / AUDIO_RATE, 3),
            "filled_s": round(audio.filled / AUDIO_RATE, 3),
            "late_s": round(audio.late / AUDIO_RATE, 3),
            "dropped_s": round(queue.audio_dropped_samples / AUDIO_RATE, 3),
            **_absence("no_sound", choice.no_sound),
        },
        "queue": {
            "bytes": queue.waiting_bytes,
            "peak_bytes": queue.peak_bytes,
            "limit_bytes": queue.limit_bytes,
        },
    }


def _absence(name: str, absence: Absence) -> dict[str, str | None]:
    since = absence.since.isoformat() if absence.since is not None else None
    return {f"{name}_since": since, f"{name}_reason": absence.reason}
