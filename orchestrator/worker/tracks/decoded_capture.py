"""Decoded frames on their way to the writer's queue: when each is, in which size and colors."""

from __future__ import annotations

import time

import av

from orchestrator.media import AUDIO_RATE, BT601, Colors
from orchestrator.pausing import EarlierPauses
from orchestrator.pipes.colors import colors_of
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.timeline import Timeline
from orchestrator.pipes.timeline_items import AudioItem, Item, Samples, VideoItem, to_samples
from orchestrator.sources.source import EncodedFrameReceived, FrameReceived
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.capture import Capture, Note
from orchestrator.worker.tracks.capture_figures import CaptureFigures, decoded_figures
from orchestrator.worker.tracks.selection_policy import SelectionPolicy, described


class DecodedCapture(Capture):
    """Keeps the timeline, fills the queue."""

    def __init__(
        self,
        queue: FrameQueue,
        policy: SelectionPolicy,
        *,
        origin_ns: int | None,
        earlier: EarlierPauses | None = None,
        canvas_policy: CanvasPolicy,
        colors: Colors | None = None,
        note: Note,
    ) -> None:
        super().__init__(policy, note=note)
        self.queue = queue
        self.timeline = Timeline(origin_ns=origin_ns, hold=True, earlier=earlier)
        self.canvas_policy = canvas_policy
        """Decides the frame size."""
        self.colors = colors
        """Fixed when the recording begins."""
        self._video_sid: str | None = None
        """Sid of the video whose frame arrived last."""
        self._resamplers: dict[str, av.AudioResampler] = {}

    @property
    def clock(self) -> Timeline:
        """The recording's timeline."""
        return self.timeline

    def figures(self) -> CaptureFigures:
        """What is known of video and audio before they are written."""
        return decoded_figures(
            self.selection,
            self.timeline.statistics(),
            self.canvas_policy.canvas,
            self.colors,
            self.queue.statistics(),
        )

    def tick(self) -> None:
        """Time passed: fill gaps that no late frame can fill any more."""
        if not self._finished:
            self._put(self.timeline.tick(time.monotonic_ns()))

    def finish(self) -> None:
        """Nothing more arrives: release what is held, and close the queue."""
        self._put(self.timeline.finish())
        self._finished = True
        self.queue.close()

    def _own_warnings(self) -> list[str]:
        return self.canvas_policy.warnings()

    def _forget(self, sid: str) -> None:
        self._resamplers.pop(sid, None)

    def _follow_selection(self) -> None:
        selection = self.selection
        self.timeline.expect(audio=selection.expects_audio, video=selection.expects_video)
        self.canvas_policy.announced(selection.video)
        if not selection.expects_video:
            self.canvas_policy.stopped()

    def _frame(self, event: FrameReceived | EncodedFrameReceived) -> None:
        if isinstance(event, EncodedFrameReceived) or not self.selection.takes(event.sid):
            return
        if isinstance(event.frame, av.AudioFrame):
            self._audio(event, event.frame)
            return
        if event.sid != self._video_sid:
            self._note("video", described(self.selection.publications[event.sid]))
            if self._video_sid is not None:
                self._put(self.timeline.change_video())
            self._video_sid = event.sid
            self.rate.clear()
            self._selection_changed()
        size = (event.frame.width, event.frame.height)
        if self.paused is None:  # no segment can be ended in a pause
            self.canvas_policy.saw(size, self.selection.publications[event.sid])
        if self.colors is None:
            self.colors = colors_of(event.frame)
        came_ns = time.monotonic_ns()
        self._put(self.timeline.push_video(event.time_ns, event.frame, came_ns=came_ns))

    def _settled(self, sid: str, by_ns: int) -> None:
        if sid == self._video_sid:
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
