"""One thread that takes items from the queue and writes them as NUT into one ffmpeg's pipe.

NUT keeps every PTS, and raw video and PCM in one pipe can't wait for each other. A writer serves
one segment; when its ffmpeg goes away the next writer goes on with the same queue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import av
import numpy as np
import structlog

from orchestrator.logs import Repeated
from orchestrator.media import (
    AUDIO_CHANNELS,
    AUDIO_RATE,
    AUDIO_TIME_BASE,
    BT601,
    VIDEO_TIME_BASE,
    Colors,
)
from orchestrator.pipes.canvas import Canvas, CanvasSize, Losses
from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.frame_rate import USUAL_FPS
from orchestrator.pipes.frame_rate_grid import FrameRateGrid
from orchestrator.pipes.muxer import Muxer
from orchestrator.pipes.segment_audio_overlap import RecentAudio
from orchestrator.pipes.segment_boundary import SegmentBoundary
from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem
from orchestrator.pipes.unwritten import Unwritten
from orchestrator.pipes.writer_statistics import WriterStatistics

log = structlog.get_logger(__name__)

_QUEUE_WAIT_S: Final = 0.2
_CUT_WAIT_S: Final = 3.0
"""How long a cut waits for the audio and video that belong before it; 1.8 s may pass between two
fillers."""

_SILENCE: Final = np.zeros((AUDIO_RATE, AUDIO_CHANNELS), np.int16)


class OnFrame(Protocol):
    """Gets every video frame that was written; it may keep it, but not change it."""

    def __call__(self, frame: av.VideoFrame, /, *, filler: bool) -> None:
        """`filler`: it is repeated or black, since none came."""


def _ignore(frame: av.VideoFrame, /, *, filler: bool) -> None:
    """Nobody looks."""


class SegmentWriter:
    """Writes one segment. Start it, then `finish` or `abort` it, then `join` it.

    The segment begins at the very sample where the one before ended, or, if `recent` has the audio
    that was written last, a little earlier in it. So its place is known exactly when segments
    are joined, whatever of the one before was lost. Its first sample is at zero in the pipe, or
    just behind it if frames have a fixed rate (`frame_rate_grid`); frames from before that are
    left out. The writer before has to have ended when this one is created.

    `on_first` (something is in the pipe) and `on_frame` (each video frame, as it was written, and
    whether it is a filler) are called in the writer's thread. `fps` is the rate that the frames
    are thought to have when it begins. Frames of other colors than `colors` are converted.
    """

    def __init__(
        self,
        fifo: Fifo,
        queue: FrameQueue,
        size: CanvasSize,
        *,
        open_timeout_s: float,
        on_first: Callable[[], None],
        on_frame: OnFrame = _ignore,
        recent: RecentAudio | None = None,
        fps: float = USUAL_FPS,
        colors: Colors = BT601,
        grid: FrameRateGrid | None = None,
    ) -> None:
        self._fifo = fifo
        self._queue = queue
        self._canvas = Canvas(size, colors)
        self._open_timeout_s, self._fps = open_timeout_s, fps
        self._recent = recent
        goes_on = queue.next_sample
        self._shared = recent.before(goes_on) if recent else []
        self._begins = (self._shared[0].pts if self._shared else goes_on) * AUDIO_TIME_BASE
        self._unwritten = Unwritten(self._begins, queue.limit_bytes // 2)
        self._grid = grid
        self._zero = self._begins if grid is None else grid.origin(self._begins)
        self._on_first, self._on_frame = on_first, on_frame
        self.problem: Exception | None = None
        """Why it ended early; ffmpeg's own exit says the rest."""
        self.refused = 0
        """Items that could not be written."""
        self._log_refused = Repeated(log.error)
        self._finish = threading.Event()
        self._cut = threading.Event()
        self._last_pts = 0
        self._begun = False
        self._video_dropped = 0
        self._losses = Losses()
        self._video_frames = self._video_filled = self._audio_samples = self._audio_end = 0
        self._thread = threading.Thread(target=self._run, name=f"writer-{fifo.path.name}")

    def start(self) -> None:
        """Begins: waits for ffmpeg to open the pipe, then writes."""
        self._thread.start()

    def finish(self) -> None:
        """Writes what is in the queue, then ends the file."""
        self._finish.set()

    def cut(self) -> None:
        """Ends the file at one moment in audio and video, and leaves the rest to the next writer.

        The moment is that of the newest audio or video written; what is later goes back into
        the queue.
        """
        self._cut.set()

    def abort(self) -> None:
        """Stops at once: ffmpeg has ended or has to."""
        self._finish.set()
        self._fifo.abort()

    def join(self, timeout_s: float | None = None) -> bool:
        """Waits for the thread; False when it still runs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def may_give_back(self) -> bool:
        """Whether the next writer can be given all that this one wrote."""
        return bool(self._unwritten)

    def give_back(self) -> None:
        """Nothing reached the file: the next writer gets it all. Call it after the end."""
        for item in reversed(self._unwritten.take()):
            self._queue.put_back(item)
        self._video_frames = self._video_filled = self._audio_samples = self._audio_end = 0
        self._last_pts, self._losses = 0, Losses()
        self._video_dropped += self._unwritten.left_out

    def statistics(self) -> WriterStatistics:
        """Counts so far."""
        return WriterStatistics(
            self._video_frames,
            self._video_filled,
            self._audio_samples,
            self._audio_end / AUDIO_RATE,
            self._fifo.written_bytes,
            float(self._begins),
            self._video_dropped,
            self.refused,
            max(self._audio_end / AUDIO_RATE, float(self._last_pts * VIDEO_TIME_BASE)),
            self._losses,
        )

    def _run(self) -> None:
        try:
            self._fifo.open(self._open_timeout_s)
            muxer = Muxer(self._fifo, self._canvas.size, self._fps)
            self._write_shared(muxer)
            self._write_all(muxer)
        except (Aborted, ReaderGone, OSError) as error:
            self.problem = error
        finally:
            self._fifo.close()

    def _write_shared(self, muxer: Muxer) -> None:
        for item in self._shared:
            self._write_audio(muxer, item)
            self._audio_end = item.pts + item.count
        self._shared = []

    def _write_all(self, muxer: Muxer) -> None:
        while not (self._finish.is_set() and self._queue.empty):
            if self._cut.is_set() and self._write_until_cut(muxer):
                self._unwritten.clear()
                return
            if (item := self._queue.get(_QUEUE_WAIT_S)) is not None:
                self._write(muxer, item)
            elif self._queue.drained:
                return

    def _write_until_cut(self, muxer: Muxer) -> bool:
        """Up to one moment in both; what is later goes back, in its order.

        False when the recording ended before the cut was reached: what is later belongs here too.
        """
        self._cut.clear()
        boundary = SegmentBoundary.after(self._queue.next_sample, self._last_pts)
        if self._grid is not None:
            boundary = SegmentBoundary(self._grid.boundary(boundary.sample))
        deadline = time.monotonic() + _CUT_WAIT_S
        before: Item | None = None
        later: list[Item] = []
        try:
            while not boundary.passed and not self._queue.drained and time.monotonic() < deadline:
                if (item := self._queue.get(_QUEUE_WAIT_S)) is None:
                    continue
                before, after = boundary.divide(item)
                if after is not None:
                    later.append(after)
                if before is not None:
                    self._take(muxer, before)
                before = None
            if boundary.passed and self._grid is not None:
                pts, frame, fps = self._grid.closing(boundary.sample)
                muxer.last_video(pts - self._zero_pts, self._canvas.fit(frame), fps)
            return boundary.passed or not self._queue.drained
        finally:
            for item in reversed(later if before is None else [before, *later]):
                self._queue.put_back(item)

    def _write(self, muxer: Muxer, item: Item) -> None:
        try:
            self._take(muxer, item)
        except (Aborted, ReaderGone):
            self._queue.put_back(item)
            raise

    def _take(self, muxer: Muxer, item: Item) -> None:
        try:
            if isinstance(item, AudioItem):
                self._write_audio(muxer, item)
            elif item.pts >= round(self._begins / VIDEO_TIME_BASE):
                self._write_before(muxer, item)
                frame = self._canvas.fit(item.frame)
                muxer.video(item.pts - self._zero_pts, frame)
                self._on_frame(frame, filler=item.filler)
            else:
                self._video_dropped += 1
                return
        except (av.FFmpegError, ValueError) as error:
            # No ffmpeg can take this one; the next ones can be written.
            self.refused += 1
            self._log_refused(
                "a frame could not be written; left out", pts=item.pts, error=repr(error)
            )
            return
        self._count(item)

    @property
    def _zero_pts(self) -> int:
        return round(self._zero / VIDEO_TIME_BASE)

    def _write_before(self, muxer: Muxer, item: VideoItem) -> None:
        """At a fixed rate the first slot behind a cut has a frame: the one before, if none came."""
        if self._grid is not None:
            if (early := self._grid.before(item.pts)) is not None:
                muxer.video(early[0] - self._zero_pts, self._canvas.fit(early[1]))
            self._grid.took(item.pts, item.frame)

    def _write_audio(self, muxer: Muxer, item: AudioItem) -> None:
        begins = round(self._zero / AUDIO_TIME_BASE)
        for start in range(0, item.count, AUDIO_RATE):
            samples = (_SILENCE if item.samples is None else item.samples[start:])[
                : min(AUDIO_RATE, item.count - start)
            ]
            muxer.audio(item.pts + start - begins, samples)

    def _count(self, item: Item) -> None:
        if not self._begun:
            self._begun = True
            self._on_first()
        self._unwritten.add(item)
        if isinstance(item, AudioItem):
            self._audio_end = item.pts + item.count
            self._audio_samples += 0 if item.samples is None else item.count
            if self._recent is not None:
                self._recent.add(item)
            return
        self._last_pts = item.pts
        if item.filler:
            self._video_filled += 1
        else:
            self._video_frames += 1
            if item.frame is not None:
                self._losses.add(item.frame.width, item.frame.height, self._canvas.size)
