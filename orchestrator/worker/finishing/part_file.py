"""One final file (a part) from its segments: choose, join or rename, probe, publish, write down.

A recording that isn't split has one part. After a crash, a part that is made again finds the file
that is already there. Segments are kept whatever fails.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.encoding.joining.chapters import Chapters
from orchestrator.encoding.joining.fast_start import move_index, restored
from orchestrator.encoding.joining.join import join
from orchestrator.encoding.joining.repair import trim_cut_fragment
from orchestrator.encoding.joining.seam import Part
from orchestrator.encoding.pipeline.job import Pipeline
from orchestrator.errors import EncodingFailed, NotEnoughDisk
from orchestrator.mediafiles.headroom import largest_file_bytes, not_enough_disk
from orchestrator.mediafiles.paths import publish
from orchestrator.mediafiles.probe import Probe, holds_media, probe
from orchestrator.recordings.integrity import WHOLE, Expected, Verdict, expected, verdict
from orchestrator.stream_copy.packet_join import join_packets
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing.hls_runs import save_runs
from orchestrator.worker.finishing.part_chapters import chapters_of_part, length_s
from orchestrator.worker.segments.segment_encoding import SegmentEncoding

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _ReadyFile:
    """A file that is ready to be published."""

    path: Path
    probe: Probe
    joined: bool
    """It isn't a segment itself."""


def part_path(recording: Recording, number: int) -> Path:
    """The first part has the recording's own name, the others `_part2` and so on behind it."""
    output = Path(recording.output_path)
    return output if number == 1 else output.with_name(f"{output.stem}_part{number}{output.suffix}")


async def make_part_file(
    entry: CatalogEntry, number: int, segments: Sequence[Segment], encoding: SegmentEncoding
) -> File | None:
    """The final file of a part, of which these are all the segments; None without any media.

    EncodingFailed when it can't be joined or doesn't play, NotEnoughDisk, OSError.
    """
    recording = entry.recording
    readable = await with_media(segments)
    target = part_path(recording, number)
    streams = _expected_streams(
        readable or [s for s in segments if s.end_s] or segments, encoding.pipeline
    )
    if (found := await asyncio.to_thread(_published, recording, number)) is not None:
        path = target
    elif not readable:
        return None
    else:
        chapters = await chapters_of_part(entry, readable)
        ready = await _ready_file(recording, readable, streams, number, encoding, chapters=chapters)
        found = ready.probe
        if chapters and not ready.joined:
            entry.note("chapters", _without(chapters, target), left_out=len(chapters))
        if ready.joined:
            await save_runs(entry, readable, copied=encoding.pipeline.copies)
        path = await asyncio.to_thread(publish, ready.path, target, encoding.file_access)
    checked = verdict(found, streams)
    if checked.problem is not None and await with_media(readable):
        kept = f"Its segments are kept in {recording.work_directory}."
        checked = replace(checked, problem=f"{checked.problem} {kept}")
    file = _row(
        recording, number, segments=readable or segments, path=path, found=found, checked=checked
    )
    await entry.with_retries(f"part {number}", lambda: entry.catalog.put_file(file))
    if checked.outcome == WHOLE:
        await asyncio.to_thread(_remove, readable)
    else:
        log.warning("file is incomplete", path=str(path), problem=file.problem)
    return file


def _without(chapters: Chapters, target: Path) -> str:
    return f"{target.name} lacks its {len(chapters)} chapters: there is no disk space to add them."


def _row(
    recording: Recording,
    number: int,
    *,
    segments: Sequence[Segment],
    path: Path,
    found: Probe,
    checked: Verdict,
) -> File:
    return File(
        recording_id=recording.id,
        number=number,
        path=str(path),
        offset_s=min((s.offset_s for s in segments if s.end_s), default=segments[0].offset_s),
        duration_s=found.duration_s,
        size_bytes=found.size_bytes,
        integrity=checked.outcome,
        problem=checked.problem,
        sha256=None,
        probe=asdict(found),
        made_at=datetime.now(UTC),
    )


def _expected_streams(segments: Sequence[Segment], pipeline: Pipeline) -> Expected:
    """The streams that the room had: video or audio that was only filler is left out."""
    if pipeline.copies:  # nothing is filled, and what isn't in the counts may not have come
        video, audio = any(s.video_frames for s in segments), any(s.audio_samples for s in segments)
        return expected(segments, video=video, audio=audio)
    # A killed worker's last second is not in its counts: it may have had both.
    video = any(s.video_frames or s.outcome is None for s in segments)
    audio = any(s.audio_samples or s.outcome is None for s in segments)
    return expected(segments, video=video or not audio, audio=audio or not video)


async def _ready_file(
    recording: Recording,
    segments: Sequence[Segment],
    streams: Expected,
    number: int,
    encoding: SegmentEncoding,
    *,
    chapters: Chapters,
) -> _ReadyFile:
    lone = Path(segments[0].path) if len(segments) == 1 else None
    finished = lone is not None and segments[0].outcome == "finished"
    if encoding.pipeline.copies:
        clean = finished and not encoding.has_other_segments
    else:
        clean = finished and streams.video == streams.audio
    if lone and clean and encoding.pipeline.container == "mp4" and encoding.fast_start != "never":
        moved = await asyncio.to_thread(move_index, lone)
        clean = moved or encoding.fast_start != "always"
    clean = clean and not chapters
    cramped = False
    try:
        if lone and clean:
            path = lone
        else:
            path = await _joined(recording, segments, streams, number, encoding, chapters=chapters)
    except NotEnoughDisk:
        if lone is None or encoding.has_other_segments:
            raise
        # A truncated segment plays up to where it ends; no disk space for a better copy.
        path, cramped = lone, True
    found = await asyncio.to_thread(probe, path)
    if not found.playable and not cramped:
        raise EncodingFailed(
            f"The recorded file is damaged: {found.problem}",
            f"The segments are kept in {recording.work_directory}.",
        )
    return _ReadyFile(path, found, joined=path != lone)


async def _joined(
    recording: Recording,
    segments: Sequence[Segment],
    streams: Expected,
    number: int,
    encoding: SegmentEncoding,
    *,
    chapters: Chapters,
) -> Path:
    await asyncio.to_thread(_require_disk_space, segments, recording.work_directory)
    work = Path(recording.work_directory)
    joined = work / f"joined{number}{encoding.pipeline.segment_suffix}"
    try:
        if encoding.pipeline.copies:
            await _join_copied(segments, joined, encoding, chapters)
        else:
            await _join_encoded(segments, joined, streams, encoding, chapters)
    except OSError as error:
        if (short := not_enough_disk(work, error)) is not None:
            raise short from error
        raise
    return joined


async def _join_copied(
    segments: Sequence[Segment], joined: Path, encoding: SegmentEncoding, chapters: Chapters
) -> None:
    files = [(Path(segment.path), segment.offset_s) for segment in segments]
    container = encoding.pipeline.container
    await asyncio.to_thread(
        join_packets,
        files,
        joined,
        container,
        tags=encoding.tags,
        chapters=chapters,
        end_s=length_s(segments),
    )


async def _join_encoded(
    segments: Sequence[Segment],
    joined: Path,
    streams: Expected,
    encoding: SegmentEncoding,
    chapters: Chapters,
) -> None:
    await join(
        encoding.ffmpeg,
        [_to_join(segment) for segment in segments],
        joined,
        container=encoding.pipeline.container,
        keep_video=streams.video,
        keep_audio=streams.audio,
        tags=encoding.tags,
        log_path=joined.with_suffix(".log"),
        chapters=chapters,
        end_s=length_s(segments),
    )


def _to_join(segment: Segment) -> Part:
    closed = segment.outcome == "finished"
    return Part(Path(segment.path), segment.offset_s, segment.end_s, closed)


def size_of(segments: Sequence[Segment]) -> int:
    """Bytes of their files, and so about those of the joined one."""
    return sum(path.stat().st_size for s in segments if (path := Path(s.path)).is_file())


def _has_headroom(segments: Sequence[Segment]) -> bool:
    """As far as that is known beforehand: quotas only show in the join."""
    folder, size_bytes = Path(segments[0].path).parent, size_of(segments)
    largest = largest_file_bytes(folder)
    return shutil.disk_usage(folder).free > size_bytes and size_bytes < (largest or math.inf)


def _require_disk_space(segments: Sequence[Segment], work: str) -> None:
    if _has_headroom(segments):
        return
    raise NotEnoughDisk(
        f"The {len(segments)} segments can't be joined: that needs"
        f" {size_of(segments) / 2**20:.1f} MiB of free disk space.",
        f"Nothing is lost: they are kept in {work}, and each of them can be played.",
    )


def _published(recording: Recording, number: int) -> Probe | None:
    """The final file, if an earlier worker died after it had published it.

    Its tag identifies it. The first part's name is reserved, so a file without tags is accepted
    there; a later part's name, or that of a copy instead of what was asked for, may belong to
    somebody else's file.
    """
    target = part_path(recording, number)
    if not target.is_file():
        return None
    found = probe(target)
    tags = {key.lower(): value for key, value in found.tags.items()}
    reserved = number == 1 and recording.instead_of is None
    ours = tags.get("recording_id", recording.id if reserved else None) == recording.id
    return found if found.playable and ours else None


def _holds_media(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    return holds_media(path) or ((trim_cut_fragment(path) or restored(path)) and holds_media(path))


async def with_media(segments: Sequence[Segment]) -> list[Segment]:
    """Segments that hold any media: an ffmpeg may have failed before it wrote a frame."""
    return [s for s in segments if await asyncio.to_thread(_holds_media, Path(s.path))]


def _remove(segments: Sequence[Segment]) -> None:
    for segment in segments:
        Path(segment.path).unlink(missing_ok=True)
