"""Whether an encode that is asked for can be done, before anything is queued or recorded."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.later import require_later
from orchestrator.encoding.process.capabilities import usable_ffmpeg
from orchestrator.errors import InvalidRequest
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.start_request import quality_named
from orchestrator.server.encoders import Encoders
from orchestrator.settings import Settings
from orchestrator.transcoding.chunks.vmaf import require_libvmaf
from orchestrator.transcoding.preparation import crf_of
from orchestrator.transcoding.process.outputs import free_output, request_for
from orchestrator.transcoding.recording_files import files_of_recording
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.transcode import check


async def check_options(options: EncodeOptions, encoders: Encoders, settings: Settings) -> Pipeline:
    """The pipeline, if it can encode a file again with these options.

    InvalidRequest (an unknown pipeline or one without a later profile, a bad CRF), PipelineBroken,
    FFmpegNotFound, EncoderMissing, Unavailable (VMAF).
    """
    quality = quality_named(options.quality, "quality")
    pipeline = encoders.pipelines.get(options.pipeline)
    later = require_later(pipeline, encoders.pipelines.by_name)
    asked = TranscodingRequest(Path(), crf=options.crf, bitrate_bps=options.bitrate_bps)
    crf_of(asked, pipeline, later, quality)
    ffmpeg = await usable_ffmpeg(settings, pipeline)
    if options.vmaf:
        await require_libvmaf(ffmpeg)
    return pipeline


async def check_files(
    catalog: Catalog,
    recording_id: str,
    options: EncodeOptions,
    pipeline: Pipeline,
    settings: Settings,
) -> None:
    """Raises what a process would raise at once for one of the recording's files.

    RecordingNotFound, StillActive while it runs, InvalidRequest (it has no file, a file is missing
    or can't be read), NotEnoughDisk.
    """
    await files_of_recording(catalog, recording_id)
    for file in await catalog.files(recording_id):
        source = Path(file.path)
        if not await asyncio.to_thread(source.is_file):
            raise InvalidRequest(
                f"The file {source} of recording {recording_id} is gone.",
                "It was moved or deleted by another program: put it back, or encode it where it is"
                " with `orchestrator encode FILE`.",
            )
        output = await asyncio.to_thread(free_output, source, pipeline, settings.av1_extension)
        await check(request_for(file, options, output), settings)


def new_encode(recording_id: str, options: EncodeOptions) -> Encode:
    """The row, not yet in the catalog."""
    return Encode(
        id=uuid.uuid4().hex,
        recording_id=recording_id,
        request=options.as_dict(),
        wanted="encode",
        state="queued",
        created_at=datetime.now(UTC),
        outputs={},
        result={},
        starts=0,
        deaths=0,
    )
