"""One thread that takes items from the queue and writes them as NUT into one ffmpeg's pipe.

NUT keeps every PTS, and raw video and PCM in one pipe can't wait for each other. A writer serves
one segment; when its ffmpeg goes away the next writer goes on with the same queue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import av
import numpy as np
import structlog

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE, AUDIO_TIME_BASE, VIDEO_TIME_BASE
from orchestrator.pipes import nut
from orchestrator.pipes.canvas import Canvas, CanvasSize, packed
from orchestrator.pipes.cut import Cut
from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pipes.items import AudioItem, Item, Samples
from orchestrator.pipes.overlap import Recent
from orchestrator.pipes.queue import FrameQueue

log = structlog.get_logger(__name__)

_QUEUE_WAIT_S: Final = 0.2
_CUT_WAIT_S: Final = 3.0
"""How long a cut waits for the sound and the picture that belong before it; 1.8 s may pass between
two pictures that are held."""

_SILENCE: Final = np.zeros((AUDIO_RATE, AUDIO_CHANNELS), np.int16)


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    """What one segment's pipe took."""

    video_frames: int
    """Pictures received and written."""
    video_filled: int
    """Held or black pictures written."""
    audio_samples: int
    """Samples of sound that was received, without the silence put in."""
    end_s: float
    """Where the sound written last ends in the recording; 0 before the first."""
    written_bytes: int
    begins_s: float
    """Where the segment begins in the recording."""
    video_dropped: int
    """Pictures from before that: the writer before had written the sound they belong to."""
    refused: int = 0
    """Items that libav would not take."""


class OnPicture(Protocol):
    """Gets every picture that was written; it may keep it, and not change it."""

    def __call__(self, frame: av.VideoFrame, /, *, filler: bool) -> None:
        """`filler`: it was held or is black, since none came."""


def _ignore(frame: av.VideoFrame, /, *, filler: bool) -> None:
    """Nobody looks."""


class SegmentWriter:
    """Writes one segment. Start it, then `finish` or `abort` it, then `join` it.

    The segment begins where the sound goes on, to the sample, or, if `recent` knows what was
    written before, a little earlier in the same sound. So its place is known exactly when segments
    are joined, whatever of the one before was lost. Its first sample is at zero in the pipe;
    pictures from before that are left out. The writer before has to be through when this is made.

    `on_first` (something is in the pipe) and `on_picture` (each picture, as it was written, and
    whether it is a filler) are called in the writer's thread.
    """

    def __init__(
        self,
        fifo: Fifo,
        queue: FrameQueue,
        size: CanvasSize,
        *,
        open_timeout_s: float,
        on_first: Callable[[], None],
        on_picture: OnPicture = _ignore,
        recent: Recent | None = None,
    ) -> None:
        self._fifo = fifo
        self._queue = queue
        self._canvas = Canvas(size)
        self._open_timeout_s = open_timeout_s
        self._recent = recent
        goes_on = queue.next_sample
        self._shared = recent.before(goes_on) if recent else []
        self._begins = (self._shared[0].pts if self._shared else goes_on) * AUDIO_TIME_BASE
        self._on_first, self._on_picture = on_first, on_picture
        self.problem: Exception | None = None
        """Why it ended before its time; ffmpeg's own end tells the rest."""
        self.refused = 0
        """Items that libav would not take."""
        self._finish = threading.Event()
        self._cut = threading.Event()
        self._last_pts = 0
        self._begun = False
        self._video_dropped = 0
        self._video_frames = self._video_filled = self._audio_samples = self._audio_end = 0
        self._thread = threading.Thread(target=self._run, name=f"writer-{fifo.path.name}")

    def start(self) -> None:
        """Begin: wait for ffmpeg to open the pipe, then write."""
        self._thread.start()

    def finish(self) -> None:
        """Write what is in the queue, then end the file."""
        self._finish.set()

    def cut(self) -> None:
        """End the file at one moment in sound and picture, and leave the rest to the next writer.

        The moment is that of the newest picture or sound written; what is later goes back into
        the queue.
        """
        self._cut.set()

    def abort(self) -> None:
        """Stop where it is: ffmpeg is gone or has to go."""
        self._finish.set()
        self._fifo.abort()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the thread; False when it still runs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

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
        )

    def _run(self) -> None:
        try:
            self._fifo.open(self._open_timeout_s)
            muxer = _Nut(self._fifo, self._canvas.size)
            self._write_shared(muxer)
            self._write_all(muxer)
        except (Aborted, ReaderGone, OSError) as error:
            self.problem = error
        finally:
            self._fifo.close()

    def _write_shared(self, muxer: _Nut) -> None:
        for item in self._shared:
            self._write_audio(muxer, item)
            self._audio_end = item.pts + item.count
        self._shared = []

    def _write_all(self, muxer: _Nut) -> None:
        while not (self._finish.is_set() and self._queue.empty):
            if self._cut.is_set() and self._write_until_cut(muxer):
                return
            if (item := self._queue.get(_QUEUE_WAIT_S)) is not None:
                self._write(muxer, item)
            elif self._queue.drained:
                return

    def _write_until_cut(self, muxer: _Nut) -> bool:
        """Up to one moment in both; what is later goes back, in its order.

        False when the recording ended before the cut was reached: what is later belongs here too.
        """
        self._cut.clear()
        cut = Cut.after(self._queue.next_sample, self._last_pts)
        deadline = time.monotonic() + _CUT_WAIT_S
        before: Item | None = None
        later: list[Item] = []
        try:
            while not cut.passed and not self._queue.drained and time.monotonic() < deadline:
                if (item := self._queue.get(_QUEUE_WAIT_S)) is None:
                    continue
                before, after = cut.divide(item)
                if after is not None:
                    later.append(after)
                if before is not None:
                    self._take(muxer, before)
                before = None
            return cut.passed or not self._queue.drained
        finally:
            for item in reversed(later if before is None else [before, *later]):
                self._queue.put_back(item)

    def _write(self, muxer: _Nut, item: Item) -> None:
        try:
            self._take(muxer, item)
        except (Aborted, ReaderGone):
            self._queue.put_back(item)
            raise

    def _take(self, muxer: _Nut, item: Item) -> None:
        try:
            if isinstance(item, AudioItem):
                self._write_audio(muxer, item)
            elif (pts := item.pts - round(self._begins / VIDEO_TIME_BASE)) >= 0:
                picture = self._canvas.fit(item.frame)
                muxer.video(pts, picture)
                self._on_picture(picture, filler=item.filler)
            else:
                self._video_dropped += 1
                return
        except (av.FFmpegError, ValueError) as error:
            # This one can't be written, to whichever ffmpeg: the next ones can.
            self.refused += 1
            log.error("an item was left out", pts=item.pts, error=repr(error))
            return
        self._count(item)

    def _write_audio(self, muxer: _Nut, item: AudioItem) -> None:
        begins = round(self._begins / AUDIO_TIME_BASE)
        for start in range(0, item.count, AUDIO_RATE):
            samples = (_SILENCE if item.samples is None else item.samples[start:])[
                : min(AUDIO_RATE, item.count - start)
            ]
            muxer.audio(item.pts + start - begins, samples)

    def _count(self, item: Item) -> None:
        if not self._begun:
            self._begun = True
            self._on_first()
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


class _Nut:
    """The muxer: what it is given is in the pipe when it returns, and no copy was made of it."""

    def __init__(self, fifo: Fifo, size: CanvasSize) -> None:
        self._fifo = fifo
        fifo.write(nut.header(size.width, size.height))

    def video(self, pts: int, frame: av.VideoFrame) -> None:
        planes = [packed(plane).data for plane in frame.planes]
        size = sum(plane.nbytes for plane in planes)
        self._fifo.write(nut.frame(nut.VIDEO, pts, size), *planes)

    def audio(self, pts: int, samples: Samples) -> None:
        sound = np.ascontiguousarray(samples).data
        self._fifo.write(nut.frame(nut.AUDIO, pts, sound.nbytes), sound)
