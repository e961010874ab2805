"""Files of recordings as sources: looked up in the catalog, and put there when replaced."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.catalog.encodes import Encodes, Replacement
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.video_library import VideoLibrary
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest, StillActive, VideoNotFound
from orchestrator.mediafiles.probe import Probe, probe
from orchestrator.recordings.checksums import sha256_of
from orchestrator.recordings.states import ACTIVE
from orchestrator.transcoding.audio import codec_of
from orchestrator.transcoding.result import TranscodingResult


async def files_of_recording(catalog: Catalog, recording_id: str) -> list[Path]:
    """The final files of a recording, in the order of its parts.

    RecordingNotFound, StillActive while it runs, InvalidRequest if it has none.
    """
    recording = await catalog.get(recording_id)
    if recording.state in ACTIVE:
        raise StillActive(
            f"Recording {recording_id} is still running.", "Stop it, then encode its file."
        )
    files = await catalog.files(recording_id)
    if not files:
        raise InvalidRequest(
            f"Recording {recording_id} has no file.",
            f"`orchestrator recordings show {recording_id}` says why.",
        )
    return [Path(file.path) for file in files]


async def refuse_recorded(catalog: Catalog, path: Path) -> None:
    """StillActive if a running recording writes this file, or will: its segments and its files."""
    path = await asyncio.to_thread(lambda: path.expanduser().absolute())
    for recording in await catalog.active():
        output = Path(recording.output_path)
        of_part = path.parent == output.parent and path.name.startswith(f"{output.stem}_part")
        if path == output or of_part or path.is_relative_to(recording.work_directory):
            raise StillActive(
                f"{path} is being recorded (recording {recording.id}).",
                "Stop the recording, then encode its file.",
            )


async def put_replaced(
    catalog: Catalog, result: TranscodingResult, pipeline: Pipeline, quality: str | None
) -> bool:
    """Tells the catalog that another file has taken the place of one; False if it has none there.

    What it then says is of the new file (`replacement`).
    """
    try:
        video = await VideoLibrary(catalog).get(str(result.source))
    except VideoNotFound:
        return False
    files = await catalog.files(video.recording_id)
    file = next(one for one in files if one.number == video.number)
    await Encodes(catalog).put_replaced(await replacement(file, result.output, pipeline, quality))
    return True


async def replacement(
    file: File, output: Path, pipeline: Pipeline, quality: str | None
) -> Replacement:
    """What the catalog is to say of a file whose place another has taken; not written yet.

    `quality`: low, medium or high; None if a CRF or a bit rate was asked for.
    """
    found = await asyncio.to_thread(probe, output)
    file.path, file.size_bytes = str(output), found.size_bytes
    file.duration_s, file.probe = found.duration_s, asdict(found)
    file.sha256 = await sha256_of(output)
    return Replacement(file, _columns(found, pipeline, quality))


def _columns(found: Probe, pipeline: Pipeline, quality: str | None) -> dict[str, Any]:
    """Of the recording. Speed steps and tracks were those of how it was recorded."""
    columns: dict[str, Any] = {
        "pipeline": pipeline.name,
        "output_format": pipeline.format,
        "speed_step": None,
        "tracks": None,
    }
    if quality is not None:
        columns["video_quality"] = quality
    if found.video is not None:
        columns["video_codec"] = pipeline.video_codec
    if found.audio is not None:
        copied = found.audio.codec != codec_of(pipeline.audio_codec)
        columns["audio_codec"] = found.audio.codec if copied else pipeline.audio_codec
    return columns
