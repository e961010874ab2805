"""From a source's events to a queue: what is subscribed to, what is missing, when it ends.

Everything here runs in the event loop and never waits. What is done with the frames is a matter of
`decoded_capture` and `copied_capture`.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from orchestrator.errors import HavenError
from orchestrator.media import Publication, TrackKind
from orchestrator.pausing import PauseMode, PauseSpans
from orchestrator.pipes.frame_rate import FrameRate
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    EncodedFrameReceived,
    FrameReceived,
    NoKeyframe,
    ParticipantsChanged,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    PublicationsUpdated,
    SourceClosed,
    SourceEvent,
    TimesSettled,
    Undecryptable,
    VideoTooLarge,
)
from orchestrator.worker.tracks.absence import FILLED, Instead
from orchestrator.worker.tracks.capture_figures import CaptureFigures
from orchestrator.worker.tracks.refusals import too_large, undecryptable, without_key
from orchestrator.worker.tracks.selection import TrackSelection
from orchestrator.worker.tracks.selection_policy import SelectionPolicy, described
from orchestrator.worker.tracks.track_gaps import TrackGaps

Note = Callable[..., None]
"""Takes a kind, a message, and data for programs: a line of the recording's event log."""

RATE_S: Final = 3.0
"""Seconds of video over which its frame rate is measured."""


class RecordingClock(Protocol):
    """A recording's timeline, as far as everybody needs it."""

    @property
    def origin_ns(self) -> int | None: ...
    @property
    def held(self) -> bool: ...
    @property
    def pauses(self) -> PauseSpans: ...
    def pause(self, mode: PauseMode, now_ns: int) -> bool: ...
    def resume(self, now_ns: int) -> None: ...


class Capture(ABC):
    """Follows one source: selects tracks, notes what happens, hands frames on."""

    def __init__(self, policy: SelectionPolicy, *, instead: Instead = FILLED, note: Note) -> None:
        self.selection = TrackSelection(policy, instead=instead)
        self.rate = FrameRate(RATE_S)
        """Of the video, as its frames go into the queue."""
        self.began = asyncio.Event()
        self.closed: asyncio.Future[SourceClosed] = asyncio.get_running_loop().create_future()
        self.wanted_changed = asyncio.Event()
        self.keyframes_wanted = asyncio.Event()
        """A keyframe of each of `videos` is to be asked for."""
        self.left_out = asyncio.Event()
        """Set when something selected can't be recorded: `cannot_hold` says what."""
        self.connected = True
        self.participants = 0
        self.lost_reason: str | None = None
        self._wanted: frozenset[str] = frozenset()
        self._missing: frozenset[str] = frozenset()
        """Publications that should be arriving and never began."""
        self._finished = False
        self._note = note
        self._gaps = TrackGaps(note)

    @property
    @abstractmethod
    def clock(self) -> RecordingClock:
        """The recording's timeline."""

    @abstractmethod
    def figures(self) -> CaptureFigures:
        """What is known of video and audio before they are written."""

    @abstractmethod
    def tick(self) -> None:
        """Time passed: give out what nothing that is late can precede any more."""

    @abstractmethod
    def finish(self) -> None:
        """Nothing more arrives: release what is held, and close the queue."""

    @abstractmethod
    def _frame(self, event: FrameReceived | EncodedFrameReceived) -> None:
        """A frame that came."""

    @abstractmethod
    def _settled(self, sid: str, by_ns: int) -> None:
        """A video's times so far should have been `by_ns` later."""

    def _no_keyframe(self, sid: str) -> None:  # noqa: B027 - a decoder's own affair
        """Nothing of this video can be decoded, and no keyframe comes."""

    @abstractmethod
    def _follow_selection(self) -> None:
        """The selection may have changed."""

    @abstractmethod
    def _forget(self, sid: str) -> None:
        """A publication is gone."""

    @property
    def wanted(self) -> frozenset[str]:
        """Sids to subscribe to."""
        return self._wanted

    @property
    def videos(self) -> list[str]:
        """Sids of the videos among them."""
        known = self.selection.publications
        return [sid for sid in self._wanted if sid in known and known[sid].kind is TrackKind.VIDEO]

    @property
    def unsupported(self) -> Publication | None:
        """The selected video, if its codec can't be received and no frame of it arrived."""
        return self.selection.unsupported

    @property
    def paused(self) -> PauseMode | None:
        """How it is paused; None while it records."""
        lasting = self.clock.pauses.current
        return None if lasting is None else lasting.mode

    def pause(self, mode: PauseMode) -> bool:
        """Pauses from now on; False before there is a zero, and in a pause.

        Everything that receives and decodes goes on.
        """
        return self.clock.pause(mode, time.monotonic_ns())

    def resume(self) -> None:
        """Goes on from now."""
        self.clock.resume(time.monotonic_ns())

    def cannot_hold(self) -> HavenError | None:
        """Why the file can't hold what is selected; None if it can."""
        return None

    def cannot_write(self) -> HavenError | None:
        """Why nothing of what came can be written; None if that isn't known."""
        return None

    def on_event(self, event: SourceEvent) -> None:
        """Take one event of the source."""
        match event:
            case FrameReceived() | EncodedFrameReceived() | TimesSettled():
                self._media(event)
            case VideoTooLarge() | Undecryptable() | NoKeyframe():
                self._comes_to_nothing(event)
            case PublicationAdded(publication):
                self.selection.put(publication)
                self._note("published", described(publication))
                if not publication.decryptable:
                    why = without_key(publication).error
                    self._note("undecryptable", why, track=publication.sid)
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

    def _comes_to_nothing(self, event: VideoTooLarge | Undecryptable | NoKeyframe) -> None:
        match event:
            case VideoTooLarge(sid, width, height, max_pixels):
                self._too_large(sid, width, height, max_pixels)
            case Undecryptable(sid, why):
                self._undecryptable(sid, why)
            case NoKeyframe(sid):
                self._no_keyframe(sid)

    def _media(self, event: FrameReceived | EncodedFrameReceived | TimesSettled) -> None:
        if self._finished:
            return
        if isinstance(event, TimesSettled):
            self._settled(event.sid, event.by_ns)
            return
        if self.selection.decrypted(event.sid):
            what = described(self.selection.publications[event.sid])
            self._note("decrypted", what, track=event.sid)
            self.selection.choose()
            self._selection_changed()
        self._frame(event)

    def warnings(self) -> list[str]:
        """What is missing or not recorded as it arrives, in words."""
        # What doesn't arrive in a pause, or after the end, is missing nowhere.
        paused = self.paused is not None
        warnings = [*([] if paused else self.selection.warnings()), *self._own_warnings()]
        if self.lost_reason:
            return [*warnings, f"Connection lost, reconnecting: {self.lost_reason}"]
        return [*warnings, *([] if paused or self._finished else self.selection.missing())]

    def look(self) -> None:
        """Time passed: update what is missing, and note tracks that don't start, or stop."""
        if self._finished or self.closed.done():
            return  # what doesn't come any more is missing nowhere
        self.selection.look()
        if self.connected:
            known = self.selection.publications
            names = {sid: described(publication) for sid, publication in known.items()}
            self._gaps.look(self.selection.arrivals.stalled(), names)
        missing = self.selection.not_started() if self.connected else {}
        for sid in missing.keys() - self._missing:
            self._note("missing", missing[sid], track=sid)
        for sid in self._missing - missing.keys():
            publication = self.selection.publications.get(sid)
            if publication is not None and (why := self.selection.why_refused(sid)) is not None:
                self._note("gap_ended", f"Frames arrive. {why.error}", track=sid)
            elif publication is not None:
                self._note("arriving", described(publication), track=sid)
            else:
                self._note("gap_ended", "The track of which nothing arrived is gone.", track=sid)
        self._missing = frozenset(missing)

    def _changed(self, publication: Publication) -> None:
        before = self.selection.publications.get(publication.sid)
        self.selection.put(publication)
        if before is not None and before.muted != publication.muted:
            self._note("muted" if publication.muted else "unmuted", described(publication))

    def _too_large(self, sid: str, width: int, height: int, max_pixels: int) -> None:
        publication, size = self.selection.publications.get(sid), f"{width}x{height}"
        if publication is None:
            return
        if self.selection.refuse(sid, too_large(size, max_pixels)):
            message = f"{described(publication)} is {size}: too large to decode"
            self._note("too_large", message, width=width, height=height, max_pixels=max_pixels)

    def _undecryptable(self, sid: str, why: str | None) -> None:
        if (publication := self.selection.publications.get(sid)) is None:
            return
        self.selection.fails(sid)
        if why is None:
            return
        problem = undecryptable(publication, why)
        if self.selection.refuse(sid, problem):
            self._note("undecryptable", problem.error, track=sid)
        self.selection.choose()
        self._selection_changed()

    def _connection(self, connected: bool, reason: str | None) -> None:
        self.connected, self.lost_reason = connected, reason
        self.selection.reconnected()
        self.wanted_changed.set()
        message = f"lost: {reason}" if reason else "restored"
        self._note("connection", message, connected=connected)

    def _removed(self, sid: str) -> None:
        if (gone := self.selection.remove(sid)) is not None:
            self._note("unpublished", described(gone))
        self._forget(sid)

    def _own_warnings(self) -> list[str]:
        """What is not recorded as it arrives, in words."""
        return []

    def _selection_changed(self) -> None:
        """The selection may have changed: pass it on, to the source too."""
        self._follow_selection()
        if self.selection.wanted != self._wanted:
            self._wanted = self.selection.wanted
            self.wanted_changed.set()
