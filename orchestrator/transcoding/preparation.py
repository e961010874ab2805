"""From a request to what is needed to carry it out; whatever is wrong with it is found here."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator import __version__
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.job import Later
from orchestrator.encoding.pipeline.later import require_later
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import FFmpeg, usable_ffmpeg
from orchestrator.errors import InvalidRequest, NotEnoughDisk
from orchestrator.mediafiles.headroom import has_headroom
from orchestrator.mediafiles.paths import MAX_FILE_NAME_BYTES, check_output_directory
from orchestrator.recordings.start_request import quality_named
from orchestrator.settings import Settings
from orchestrator.transcoding.chunks.vmaf import require_libvmaf
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.source import Source, read_source
from orchestrator.transcoding.work_folder import is_work_folder, size_of, work_folder_of

LEAST_BPS: Final = 10_000
MOST_BPS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that can be carried out."""

    request: TranscodingRequest
    source: Source
    output: Path
    pipeline: Pipeline
    later: Later
    ffmpeg: FFmpeg
    crf: int | None
    quality: str
    version: tuple[int, int]
    """Of the source: its size and when it was written to."""

    @property
    def identity(self) -> dict[str, Any]:
        """What has to be the same for a run to go on where another ended."""
        return {
            "source": str(self.source.path),
            "version": list(self.version),
            "pipeline": [self.pipeline.name, self.pipeline.digest],
            "crf": self.crf,
            "bitrate_bps": self.request.bitrate_bps,
            "quality": self.quality,
            "ffmpeg": [str(self.ffmpeg.path), self.ffmpeg.version],
            "recorder": __version__,
        }


async def prepare(request: TranscodingRequest, settings: Settings) -> Prepared:
    """Reads the source's headers, finds pipeline, ffmpeg and output, and looks at the disk.

    InvalidRequest (the values, the paths, what the file is), PipelineBroken, EncoderMissing,
    FFmpegNotFound, Unavailable (VMAF), NotEnoughDisk.
    """
    quality = quality_named(request.quality, "quality")
    pipelines = await asyncio.to_thread(Pipelines.load, settings.pipelines_directory)
    pipeline = pipelines.get(request.pipeline)
    later = require_later(pipeline, pipelines.by_name)
    crf = crf_of(request, pipeline, later, quality)
    ffmpeg = await usable_ffmpeg(settings, pipeline)
    if request.vmaf:
        await require_libvmaf(ffmpeg)
    source, version = await asyncio.to_thread(_source, request.source)
    if request.replace:
        _refuse_segments(source.path)
        _refuse_losing_videos(source)
    output = await asyncio.to_thread(_output, request, source.path, pipeline)
    await asyncio.to_thread(_require_disk, output, source, settings)
    return Prepared(request, source, output, pipeline, later, ffmpeg, crf, quality, version)


def version_of(path: Path) -> tuple[int, int]:
    """Changes when the file does. Blocking."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def crf_of(
    request: TranscodingRequest, pipeline: Pipeline, later: Later, quality: str
) -> int | None:
    """The CRF to encode with; None for a bit rate. InvalidRequest if it isn't one."""
    bitrate = request.bitrate_bps
    if bitrate is not None:
        if request.crf is not None:
            raise InvalidRequest(
                "A CRF and a bit rate exclude each other.", "Give one of --crf and --bitrate."
            )
        if not LEAST_BPS <= bitrate <= MOST_BPS:
            raise InvalidRequest(
                f"{bitrate} bit/s is no bit rate for video.",
                f"{LEAST_BPS} to {MOST_BPS} are allowed, written like 800k or 2M.",
            )
        return None
    if request.crf is None:
        return later.crfs[quality]
    if not 0 <= request.crf <= later.largest_crf:
        raise InvalidRequest(
            f"Pipeline {pipeline.name} has no CRF {request.crf}.",
            f"0 (best, largest) to {later.largest_crf} are allowed; quality high is"
            f" {later.crfs['high']}.",
        )
    return request.crf


def _source(given: Path) -> tuple[Source, tuple[int, int]]:
    path = given.expanduser().absolute()
    return read_source(path), version_of(path)


def _refuse_segments(path: Path) -> None:
    """Of a recording whose catalog may be another one: its server makes a file of them."""
    if is_work_folder(path.parent):
        raise InvalidRequest(
            f"{path} can't be replaced: it is a segment in the work folder of another file.",
            "Encode the recording's file, or leave --replace out.",
        )


def _refuse_losing_videos(source: Source) -> None:
    """Of several videos one is encoded: the others would be gone with the source."""
    if source.videos_left_out:
        raise InvalidRequest(
            f"{source.path} can't be replaced: it has {1 + len(source.videos_left_out)} videos, of"
            f" which one is encoded ({', '.join(source.videos_left_out)} would be lost).",
            "Encode it without --replace (`replace` false): the new file then lies beside it.",
        )


def _output(request: TranscodingRequest, source: Path, pipeline: Pipeline) -> Path:
    output = _named(request, source, pipeline)
    _refuse_name(output.name)
    folder = check_output_directory(output.parent, [Path("/")])
    output = folder / output.name
    if output.exists() and os.path.samefile(output, source):
        raise InvalidRequest(
            f"{output} is the source itself.",
            "Give another --output; --replace removes the source when the new file is checked.",
        )
    if os.path.lexists(output):
        raise InvalidRequest(
            f"{output} already exists; files are never overwritten.",
            "Remove it, or give another --output.",
        )
    return output


def _refuse_name(name: str) -> None:
    if len(name.encode(errors="replace")) > MAX_FILE_NAME_BYTES:
        raise InvalidRequest(
            f"The new file can't be named {name[:100]!r}.",
            f"Use at most {MAX_FILE_NAME_BYTES} bytes.",
        )


def _named(request: TranscodingRequest, source: Path, pipeline: Pipeline) -> Path:
    """Beside the source, named after it: with the pipeline's name, if it has the same extension."""
    given = request.output
    beside = source.with_name(f"{source.stem}.{pipeline.extension}")
    if beside == source:
        beside = source.with_name(f"{source.stem}_{pipeline.name}.{pipeline.extension}")
    if given is None:
        return beside
    path = given.expanduser().absolute()
    _refuse_name(path.name)
    return path / beside.name if path.is_dir() else path


def _require_disk(output: Path, source: Source, settings: Settings) -> None:
    """Room for as much as the source has: for chunks, and the file that is made of them.

    Each of both is smaller as a rule. What an earlier run left in the work folder is there already.
    """
    folder, kept = output.parent, size_of(work_folder_of(output))
    free = shutil.disk_usage(folder).free
    needed = max(source.size_bytes - kept, 0) + settings.disk_reserve_bytes
    if free < needed or not has_headroom(folder):
        raise NotEnoughDisk(
            f"Only {_mebibytes(free)} can be written in {folder}; encoding"
            f" {source.path.name} may take {_mebibytes(needed)}, with the reserve.",
            "Free some space, or give an --output on another disk.",
        )


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.{0 if size_bytes >= 10 * 2**20 else 1}f} MiB"
