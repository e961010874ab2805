"""A recording's segments and bounds, whether it begins or a new worker resumes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import HavenError
from orchestrator.media import BT601, Colors
from orchestrator.mediafiles.headroom import keep_ballast
from orchestrator.mediafiles.probe import probe
from orchestrator.pausing import PauseMode
from orchestrator.pipes.canvas import LIMITS, CanvasSize, SizeLimits
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.frame_rate import USUAL_FPS
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import ALL
from orchestrator.settings import Settings
from orchestrator.stream_copy.containers import CONTAINERS
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.worker.bounds import Bounds
from orchestrator.worker.preview import Preview
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from orchestrator.worker.segments.segment_positions import numbers_taken
from orchestrator.worker.segments.segments import Segments
from orchestrator.worker.time_origin import earlier_pauses, known_origin_ns
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.capture import Note
from orchestrator.worker.tracks.copied_capture import CopiedCapture
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.selection_policy import SelectionPolicy


async def create_segments(
    recording: Recording,
    catalog: Catalog,
    capture: DecodedCapture,
    encoding: SegmentEncoding,
    speed: EncoderSpeed,
    *,
    runtime: Path,
    preview: Preview,
) -> Segments:
    """Continues behind the segments of earlier workers; the capture has begun."""
    canvas = capture.canvas_policy.limit(limits_of(encoding.pipeline))
    earlier = await catalog.segments(recording.id)
    part = max((s.part for s in earlier), default=1)
    speed.begin(encoding.pipeline)
    await asyncio.to_thread(keep_ballast, Path(recording.work_directory))
    if not encoding.pipeline.mixed_sizes and not await asyncio.to_thread(
        _have_size, canvas, earlier
    ):
        part += 1
    return Segments(
        recording=recording,
        encoding=encoding,
        canvas=canvas,
        colors=capture.colors or BT601,
        fps=capture.rate.fps or USUAL_FPS,
        queue=capture.queue,
        paused=lambda: capture.paused is PauseMode.CUT,
        runtime=runtime,
        catalog=catalog,
        preview=preview,
        numbers_taken=await asyncio.to_thread(
            numbers_taken, earlier, Path(recording.work_directory)
        ),
        speed=speed,
        part=part,
        files=[(s.part, Path(s.path)) for s in earlier if s.part == part],
        part_began_s=min((s.offset_s for s in earlier if s.part == part and s.end_s), default=None),
    )


def limits_of(pipeline: Pipeline) -> SizeLimits:
    """The frame sizes that a pipeline takes."""
    width, height = pipeline.largest_frame or (LIMITS.most_width, LIMITS.most_height)
    return SizeLimits(width, height, LIMITS.most_pixels, *pipeline.smallest_frame)


def _have_size(canvas: CanvasSize, segments: Sequence[Segment]) -> bool:
    """Whether the last segment that can be read has frames of this size. Blocking."""
    for segment in reversed(segments):
        video = probe(Path(segment.path)).video if Path(segment.path).is_file() else None
        if video is not None and video.width:
            return (video.width, video.height) == (canvas.width, canvas.height)
    return True


async def create_bounds(
    segments: ListedSegments,
    settings: Settings,
    *,
    stop: Callable[[str], None],
    split: Callable[[str], None],
    fail: Callable[[HavenError], None],
) -> Bounds:
    """The recording's own limits within this machine's."""
    recording, catalog = segments.recording, segments.catalog
    rows = await catalog.segments(recording.id)
    began = [s.offset_s for s in rows if s.part == segments.part and s.end_s]
    return Bounds(
        Limits.from_dict(recording.limits).within(settings.max_duration_s, settings.max_size_bytes),
        segments,
        Path(recording.work_directory),
        reserve_bytes=settings.disk_reserve_bytes,
        part_began_s=min(began, default=0.0),
        joins_one=segments.encoding.has_other_segments,
        earlier_bytes=sum(file.size_bytes for file in await catalog.files(recording.id)),
        stop=stop,
        split=split,
        fail=fail,
    )


def decoded_capture(
    recording: Recording, settings: Settings, pauses: Sequence[Pause], note: Note
) -> DecodedCapture:
    """For a recording that is encoded; continues with what an earlier worker used."""
    origin_ns = known_origin_ns(recording, pauses)
    return DecodedCapture(
        FrameQueue(settings.queue_bytes),
        _selection(recording, settings),
        origin_ns=origin_ns,
        earlier=earlier_pauses(pauses, origin_ns),
        canvas_policy=_known_canvas(recording, follows=settings.canvas == "follow"),
        colors=_known_colors(recording),
        note=note,
    )


def copied_capture(
    recording: Recording, settings: Settings, pauses: Sequence[Pause], note: Note
) -> CopiedCapture:
    """For a recording that is copied."""
    container, every_track = CONTAINERS[recording.output_format], recording.tracks == ALL
    origin_ns = known_origin_ns(recording, pauses)
    return CopiedCapture(
        PacketQueue(settings.queue_bytes),
        _selection(recording, settings, every_video=every_track, codecs=container.codecs),
        origin_ns=origin_ns,
        earlier=earlier_pauses(pauses, origin_ns),
        container=container,
        every_track=every_track,
        note=note,
    )


def _selection(
    recording: Recording,
    settings: Settings,
    *,
    every_video: bool = False,
    codecs: frozenset[str] = frozenset(),
) -> SelectionPolicy:
    creator = recording.stream.get("creator")
    return SelectionPolicy(settings.video_track_preference, creator, every_video, codecs)


def _known_canvas(recording: Recording, *, follows: bool) -> CanvasPolicy:
    """Continues with the canvas of an earlier worker."""
    video = LiveFigures.of(recording).video
    canvas = CanvasSize(video.width, video.height) if video.width and video.height else None
    return CanvasPolicy(canvas, follows=follows)


def _known_colors(recording: Recording) -> Colors | None:
    """The colors that an earlier worker used."""
    colors = LiveFigures.of(recording).video.colors
    return Colors(*colors) if colors else None
