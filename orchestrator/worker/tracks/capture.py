"""From a source's events to the writer's queue: what is subscribed to, and when each frame is.

Everything here runs in the event loop and never waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import av

from orchestrator.media import AUDIO_RATE, BT601, Colors, Publication
from orchestrator.pipes.colors import colors_of
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.frame_rate import FrameRate
from orchestrator.pipes.timeline import Timeline
from orchestrator.pipes.timeline_items import AudioItem, Item, Samples, VideoItem, to_samples
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    FrameReceived,
    ParticipantsChanged,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    PublicationsUpdated,
    SourceClosed,
    SourceEvent,
    TimesSettled,
    VideoTooLarge,
)
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.selection import TrackSelection
from orchestrator.worker.tracks.selection_policy import SelectionPolicy, described

Note = Callable[..., None]
"""Takes a kind, a message, and data for programs: a line of the recording's event log."""

RATE_S: Final = 3.0
"""Seconds of video over which its frame rate is measured."""


class Capture:
    """Follows one source: selects tracks, keeps the timeline, fills the queue."""

    def __init__(
        self,
        queue: FrameQueue,
        policy: SelectionPolicy,
        *,
        origin_ns: int | None,
        canvas_policy: CanvasPolicy,
        colors: Colors | None = None,
        note: Note,
    ) -> None:
        self.queue = queue
        self.timeline = Timeline(origin_ns=origin_ns, hold=True)
        self.selection = TrackSelection(policy)
        self.canvas_policy = canvas_policy
        """Decides the frame size."""
        self.colors = colors
        """Fixed when the recording begins."""
        self.rate = FrameRate(RATE_S)
        """Of the video, as its frames go into the queue."""
        self.began = asyncio.Event()
        self.closed: asyncio.Future[SourceClosed] = asyncio.get_running_loop().create_future()
        self.wanted_changed = asyncio.Event()
        self.connected = True
        self.participants = 0
        self.lost_reason: str | None = None
        self._wanted: frozenset[str] = frozenset()
        self._video_sid: str | None = None
        """Sid of the video whose frame arrived last."""
        self._missing: frozenset[str] = frozenset()
        """Publications that should be arriving and never began."""
        self._finished = False
        self._resamplers: dict[str, av.AudioResampler] = {}
        self._note = note

    @property
    def wanted(self) -> frozenset[str]:
        """Sids to subscribe to."""
        return self._wanted

    @property
    def unsupported(self) -> Publication | None:
        """The selected video, if its codec can't be received and no frame of it arrived."""
        return self.selection.unsupported

    def on_event(self, event: SourceEvent) -> None:
        """Take one event of the source."""
        match event:
            case FrameReceived():
                self._frame(event)
            case VideoTooLarge(sid, width, height, max_pixels):
                self._too_large(sid, width, height, max_pixels)
            case TimesSettled(sid, by_ns):
                self._settled(sid, by_ns)
            case PublicationAdded(publication):
                self.selection.put(publication)
                self._note("published", described(publication))
            case PublicationChanged(publication):
                self._changed(publication)
            case PublicationRemoved(sid):
                self._removed(sid)
            case PublicationsUpdated():
                self.selection.choose()
                self._selection_changed()
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
        """Time passed: fill gaps that no late frame can fill any more."""
        if not self._finished:
            self._put(self.timeline.tick(time.monotonic_ns()))

    def finish(self) -> None:
        """Nothing more arrives: release what is held, and close the queue."""
        self._put(self.timeline.finish())
        self._finished = True
        self.queue.close()

    def warnings(self) -> list[str]:
        """What is missing or not recorded as it arrives, in words."""
        warnings = [*self.selection.warnings(), *self.canvas_policy.warnings()]
        if self.lost_reason:
            return [*warnings, f"Connection lost, reconnecting: {self.lost_reason}"]
        return [*warnings, *self.selection.missing()]

    def look(self) -> None:
        """Time passed: update what is missing, and note tracks that don't start."""
        self.selection.look()
        missing = self.selection.not_started() if self.connected else {}
        for sid in missing.keys() - self._missing:
            self._note("missing", missing[sid])
        for sid in (self._missing - missing.keys()) & self.selection.publications.keys():
            self._note("arriving", described(self.selection.publications[sid]))
        self._missing = frozenset(missing)

    def _changed(self, publication: Publication) -> None:
        before = self.selection.publications.get(publication.sid)
        self.selection.put(publication)
        if before is not None and before.muted != publication.muted:
            self._note("muted" if publication.muted else "unmuted", described(publication))

    def _too_large(self, sid: str, width: int, height: int, max_pixels: int) -> None:
        publication, size = self.selection.publications.get(sid), f"{width}x{height}"
        if publication is not None and self.selection.refuse(sid, size, max_pixels):
            message = f"{described(publication)} is {size}: too large to decode"
            self._note("too_large", message, width=width, height=height, max_pixels=max_pixels)

    def _connection(self, connected: bool, reason: str | None) -> None:
        self.connected, self.lost_reason = connected, reason
        self.selection.reconnected()
        self.wanted_changed.set()
        message = f"lost: {reason}" if reason else "restored"
        self._note("connection", message, connected=connected)

    def _removed(self, sid: str) -> None:
        if (gone := self.selection.remove(sid)) is not None:
            self._note("unpublished", described(gone))
        self._resamplers.pop(sid, None)

    def _selection_changed(self) -> None:
        """The selection may have changed: tell the timeline, the canvas and the source."""
        selection = self.selection
        self.timeline.expect(audio=selection.expects_audio, video=selection.expects_video)
        self.canvas_policy.announced(selection.video)
        if not selection.expects_video:
            self.canvas_policy.stopped()
        if selection.wanted != self._wanted:
            self._wanted = selection.wanted
            self.wanted_changed.set()

    def _frame(self, event: FrameReceived) -> None:
        if self._finished or not self.selection.takes(event.sid):
            return
        if isinstance(event.frame, av.AudioFrame):
            self._audio(event, event.frame)
            return
        if event.sid != self._video_sid:
            self._note("picture", described(self.selection.publications[event.sid]))
            if self._video_sid is not None:
                self._put(self.timeline.change_video())
            self._video_sid = event.sid
            self.rate.clear()
            self._selection_changed()
        size = (event.frame.width, event.frame.height)
        self.canvas_policy.saw(size, self.selection.publications[event.sid])
        if self.colors is None:
            self.colors = colors_of(event.frame)
        came_ns = time.monotonic_ns()
        self._put(self.timeline.push_video(event.time_ns, event.frame, came_ns=came_ns))

    def _settled(self, sid: str, by_ns: int) -> None:
        if sid == self._video_sid and not self._finished:
            self._put(self.timeline.settle_video(by_ns))

    def _audio(self, event: FrameReceived, frame: av.AudioFrame) -> None:
        if not self.timeline.begun and self.unsupported is not None:
            return  # no file with audio alone while the video may still become receivable
        push, concealed = self.timeline.push_audio, event.concealed
        for samples in self._pcm(event.sid, frame):
            self._put(push(event.sid, event.time_ns, samples, concealed=concealed))

    def _pcm(self, sid: str, frame: av.AudioFrame) -> list[Samples]:
        known = (frame.format.name, frame.layout.name, frame.sample_rate)
        if known == ("s16", "stereo", AUDIO_RATE):
            return [to_samples(frame)]
        resampler = self._resamplers.get(sid)
        if resampler is None:
            resampler = self._resamplers[sid] = av.AudioResampler("s16", "stereo", AUDIO_RATE)
        frame.pts = None
        return [to_samples(resampled) for resampled in resampler.resample(frame)]

    def _put(self, items: list[Item]) -> None:
        if items and not self.began.is_set():
            self.canvas_policy.begin(self.selection.video)
            self.colors = self.colors or BT601
            self.queue.next_sample = self._first_sample(items)
            self.began.set()
        for item in items:
            if isinstance(item, VideoItem) and not item.filler:
                self.rate.add(item.pts)
            self.queue.put_nowait(item)

    def _first_sample(self, items: list[Item]) -> int:
        first = next((i.pts for i in items if isinstance(i, AudioItem)), None)
        return self.timeline.next_sample if first is None else first
