"""What a segment's writer is tested with: frames to write, and a reader of its pipe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.segment_audio_overlap import RecentAudio
from orchestrator.pipes.timeline_items import AudioItem
from orchestrator.pipes.writer import SegmentWriter

SIZE = CanvasSize(64, 48)


def video_frame(luma: int) -> av.VideoFrame:
    array = np.full((72, 64), 128, np.uint8)
    array[:48] = luma
    return av.VideoFrame.from_ndarray(array, format="yuv420p")


def audio_item(pts: int, value: int, count: int = 960) -> AudioItem:
    return AudioItem(pts, count, np.full((count, 2), value, np.int16))


class Reader(threading.Thread):
    """Reads the NUT like ffmpeg would."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.video: list[tuple[int, int]] = []
        self.audio: list[tuple[int, int]] = []
        self.start()

    def run(self) -> None:
        with av.open(str(self.path), format="nut") as container:
            for packet in container.demux():
                data = bytes(packet)
                if not data or packet.pts is None or packet.time_base is None:
                    continue
                at = packet.pts * packet.time_base
                if packet.stream.type == "video":
                    self.video.append((round(at * 90_000), data[0]))
                else:
                    self.audio.append((round(at * 48_000), len(data) // 4))


def new_writer(
    path: Path,
    queue: FrameQueue,
    on_first: Callable[[], None] = lambda: None,
    recent: RecentAudio | None = None,
) -> SegmentWriter:
    return SegmentWriter(
        Fifo(path), queue, SIZE, open_timeout_s=10, on_first=on_first, recent=recent
    )
