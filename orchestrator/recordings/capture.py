"""From a source's events to the writer's queue: what is subscribed to, and what stands where.

Everything here runs in the event loop and never waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

import av

from orchestrator.errors import HavenError, NoMedia, UnsupportedCodec
from orchestrator.media import AUDIO_RATE, Publication, TrackKind
from orchestrator.pipes.canvas import DEFAULT_CANVAS, CanvasSize
from orchestrator.pipes.items import AudioItem, Item, Samples, to_samples
from orchestrator.pipes.queue import FrameQueue
from orchestrator.pipes.timeline import Timeline
from orchestrator.recordings.policy import choose_audio, choose_video, codec_name
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

Note = Callable[[str, str], None]
"""Takes a kind and a message: a line of the recording's story."""

STALL_S: Final = 2.0
"""A picture that stays away so long is told of."""

_SAME_SHAPE: Final = 0.02
"""Aspect ratios closer than this are the same picture in another size."""


class Capture:
    """Follows one source: chooses publications, keeps the timeline, fills the queue."""

    def __init__(
        self, queue: FrameQueue, *, origin_ns: int | None, canvas: CanvasSize | None, note: Note
    ) -> None:
        self.queue = queue
        self.timeline = Timeline(origin_ns=origin_ns)
        self.canvas = canvas
        """Fixed when the recording begins."""
        self.began = asyncio.Event()
        self.closed: asyncio.Future[SourceClosed] = asyncio.get_running_loop().create_future()
        self.wanted_changed = asyncio.Event()
        self.connected = True
        self.participants = 0
        self.idle_since: float | None = time.monotonic()
        """Since when nothing is published; None while something is."""
        self.lost_reason: str | None = None
        self._finished = False
        self._began_at = time.monotonic()
        self._no_picture_since: datetime | None = None
        self._publications: dict[str, Publication] = {}
        self._resamplers: dict[str, av.AudioResampler] = {}
        self._video: Publication | None = None
        self._audio: dict[str, Publication] = {}
        self._last_frame_at: dict[str, float] = {}
        self._note = note

    @property
    def wanted(self) -> frozenset[str]:
        """What is to be received: the chosen picture and all sound."""
        video = {self._video.sid} if self._video else set()
        return frozenset(video | self._audio.keys())

    @property
    def video(self) -> Publication | None:
        """The publication whose picture is recorded."""
        return self._video

    def on_event(self, event: SourceEvent) -> None:
        """Take one event of the source."""
        match event:
            case FrameReceived():
                if not self._finished:
                    self._frame(event)
            case PublicationAdded(publication):
                self._publications[publication.sid] = publication
                self._note("published", _described(publication))
                self._choose()
            case PublicationChanged(publication):
                self._publications[publication.sid] = publication
                self._choose()
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

    def why_nothing(self) -> HavenError:
        """Why no frame has come, as an error with advice."""
        if not self._publications:
            return NoMedia(
                "Nobody publishes in this stream: joined, and there is nothing to record.",
                "Start publishing, then start the recording again.",
            )
        if (video := self._video) is not None and not video.receivable:
            return _unsupported(video)
        known = ", ".join(_described(p) for p in self._publications.values())
        return NoMedia(
            f"No frame came of what is published ({known}).",
            "Check that the publisher is sending and not muted, and that UDP gets through.",
        )

    def warnings(self) -> list[str]:
        """What a person watching should know now, in words."""
        found = [
            f"{_described(p)} can't be received and is missing in the recording."
            for p in self._publications.values()
            if not p.receivable and p.kind is not TrackKind.VIDEO
        ]
        if missing := self._no_picture():
            found.append(missing)
        if not self._audio:
            found.append("No audio is published; there is silence.")
        if self.lost_reason:
            found.append(f"Connection lost, being tried again: {self.lost_reason}")
        return found

    @property
    def unsupported(self) -> Publication | None:
        """The chosen picture, if it is in a codec we can't receive and no frame of it came."""
        video = self._video
        if video is None or video.receivable or video.sid in self._last_frame_at:
            return None
        return video

    def _no_picture(self) -> str | None:
        """Why no picture comes at present, in words."""
        if self._video is None:
            return "No video is published; the picture is black."
        if self.unsupported is not None:
            return _unsupported(self._video).error
        if self._video.muted:
            return "The video is muted; the picture is black."
        at = self._last_frame_at.get(self._video.sid, self._began_at)
        if (silent := time.monotonic() - at) < STALL_S:
            return None
        return f"No picture for {silent:.0f} s; the last one is held."

    def no_picture(self) -> tuple[datetime | None, str | None]:
        """Since when no picture comes, and why; None, None while pictures come."""
        reason = self._no_picture()
        if reason is None:
            self._no_picture_since = None
        elif self._no_picture_since is None:
            self._no_picture_since = datetime.now(UTC)
        return self._no_picture_since, reason

    def _connection(self, connected: bool, reason: str | None) -> None:
        self.connected, self.lost_reason = connected, reason
        self.wanted_changed.set()
        self._note("connection", f"lost: {reason}" if reason else "restored")

    def _removed(self, sid: str) -> None:
        if (gone := self._publications.pop(sid, None)) is not None:
            self._note("unpublished", _described(gone))
        self._resamplers.pop(sid, None)
        self._last_frame_at.pop(sid, None)
        self._choose()

    def _choose(self) -> None:
        before = self.wanted
        everything = self._publications.values()
        self._video = choose_video(everything)
        self._audio = {p.sid: p for p in choose_audio(everything)}
        self.timeline.expect(
            audio=frozenset(p.sid for p in self._audio.values() if not p.muted),
            video=self._video is not None and not self._video.muted,
        )
        self.idle_since = None if self._publications else self.idle_since or time.monotonic()
        if self.wanted != before:
            self.wanted_changed.set()

    def _frame(self, event: FrameReceived) -> None:
        if event.sid in self._audio and isinstance(event.frame, av.AudioFrame):
            self._last_frame_at[event.sid] = time.monotonic()
            self._sound(event.sid, event.time_ns, event.frame)
        elif self._video and event.sid == self._video.sid:
            assert isinstance(event.frame, av.VideoFrame)
            self._last_frame_at[event.sid] = time.monotonic()
            if self.canvas is None:
                self.canvas = canvas_for(self._video, event.frame)
            self._put(self.timeline.push_video(event.time_ns, event.frame))

    def _sound(self, sid: str, time_ns: int, frame: av.AudioFrame) -> None:
        if not self.timeline.begun and self.unsupported is not None:
            return  # not a silent file without a picture
        for samples in self._pcm(sid, frame):
            self._put(self.timeline.push_audio(sid, time_ns, samples))

    def _pcm(self, sid: str, frame: av.AudioFrame) -> list[Samples]:
        known = (frame.format.name, frame.layout.name, frame.sample_rate)
        if known == ("s16", "stereo", AUDIO_RATE):
            return [to_samples(frame.to_ndarray())]
        resampler = self._resamplers.get(sid)
        if resampler is None:
            resampler = self._resamplers[sid] = av.AudioResampler("s16", "stereo", AUDIO_RATE)
        frame.pts = None
        return [to_samples(made.to_ndarray()) for made in resampler.resample(frame)]

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


def _described(publication: Publication) -> str:
    codec = codec_name(publication) or "unknown codec"
    return f"{publication.source} {publication.kind} of {publication.participant!r} ({codec})"


def _unsupported(video: Publication) -> UnsupportedCodec:
    return UnsupportedCodec(
        f"The video is published as {codec_name(video)}, which can't be received.",
        "Have the publisher send VP8 or H.264 (unencrypted), then start again.",
    )


def statistics(capture: Capture) -> dict[str, Any]:
    """The capture's part of the figures."""
    timeline, queue = capture.timeline.statistics(), capture.queue.statistics()
    audio = timeline.audio
    since, reason = capture.no_picture()
    return {
        "video": {
            "codec": codec_name(capture.video) if capture.video else None,
            "width": capture.canvas.width if capture.canvas else None,
            "height": capture.canvas.height if capture.canvas else None,
            "received": timeline.video_received,
            "late": timeline.video_late,
            "filled": timeline.video_filled,
            "dropped": queue.video_dropped,
            "no_picture_since": since and since.isoformat(),
            "no_picture_reason": reason,
        },
        "audio": {
            "received_s": round(audio.received / AUDIO_RATE, 3),
            "written_s": round(audio.written / AUDIO_RATE, 3),
            "filled_s": round(audio.filled / AUDIO_RATE, 3),
            "late_s": round(audio.late / AUDIO_RATE, 3),
            "dropped_s": round(queue.audio_dropped_samples / AUDIO_RATE, 3),
        },
        "queue": {
            "bytes": queue.waiting_bytes,
            "peak_bytes": queue.peak_bytes,
            "limit_bytes": queue.limit_bytes,
        },
    }
