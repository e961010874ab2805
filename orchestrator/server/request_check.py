"""The first step of a start: what a request means on this server, and whether it can be done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.capacity.admission import pinned_step
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import Output
from orchestrator.outputs.webhooks import Webhook
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.formats import format_named, meant, pipeline_for
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import (
    ALL,
    SELECTED,
    TRACKS,
    StartedBy,
    StartRequest,
    quality_named,
)
from orchestrator.server.encoders import Encoders
from orchestrator.server.encodes.request import check_options
from orchestrator.server.output_folders import OutputFolders
from orchestrator.server.outputs.checks import check_webhooks, checked_outputs
from orchestrator.server.when_full import CopyInstead, copy_instead
from orchestrator.settings import Settings
from orchestrator.stream_ids import check_stream_id


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that this server can do, its words replaced by what they mean.

    Whether its stream is live isn't known yet.
    """

    stream_id: str
    pipeline: Pipeline
    video_quality: str
    audio_quality: str
    folder: Path
    file_name: str | None
    """The name asked for; None: made of the stream's name and the time."""
    limits: Limits
    speed_step: int | None
    """The step to keep; None: the slowest that the CPU budget allows."""
    started_by: StartedBy
    encode: EncodeOptions | None
    """How it is encoded again when it is completed."""
    tracks: str | None
    """What a pipeline that copies takes of the room; None: it encodes."""
    instead: CopyInstead | None
    """What it is if there is no capacity for it; None: it is refused then."""
    e2ee: E2eeKeys | None = None
    """The keys of an end-to-end encrypted stream."""
    outputs: tuple[Output, ...] = ()
    """What becomes of it besides its file."""
    webhooks: tuple[Webhook, ...] = ()
    """Who is called besides those of the settings."""
    data: bool | None = None
    hide_recording: bool | None = None


class RequestCheck:
    """Checks requests for `/start`, watches and the command line."""

    def __init__(self, settings: Settings, encoders: Encoders, folders: OutputFolders) -> None:
        self._settings, self._encoders, self._folders = settings, encoders, folders

    async def check(self, request: StartRequest) -> CheckedRequest:
        """What it means here. Raises a HavenError that says why it can't be done."""
        stream_id = check_stream_id(request.stream_id)
        video = quality_named(request.video_quality, "video_quality")
        audio = quality_named(request.audio_quality, "audio_quality")
        pipeline = pipeline_of(request, self._encoders.pipelines)
        speed_step = pinned_step(self._settings, pipeline, request.speed_step)
        folder = await self._folders.for_request(request.output_directory)
        await self._encoders.require(pipeline)
        tracks = tracks_of(request, pipeline)
        if request.encode is not None:
            await check_options(request.encode, self._encoders, self._settings)
            _check_replaceable(request.encode, tracks)
        outputs = await checked_outputs(request, pipeline, self._settings)
        await check_webhooks(request.webhooks or (), self._settings)
        instead = copy_instead(
            self._settings, self._encoders.pipelines, pipeline, video, request.encode
        )
        return CheckedRequest(
            stream_id=stream_id,
            pipeline=pipeline,
            video_quality=video,
            audio_quality=audio,
            folder=folder,
            file_name=request.file_name,
            limits=request.limits,
            speed_step=speed_step,
            started_by=request.started_by,
            encode=request.encode,
            tracks=tracks,
            instead=instead,
            e2ee=request.e2ee,
            outputs=outputs,
            webhooks=request.webhooks or (),
            data=request.data,
            hide_recording=request.hide_recording,
        )


def tracks_of(request: StartRequest, pipeline: Pipeline) -> str | None:
    """The tracks that it asks for; None if the pipeline encodes.

    Raises InvalidRequest for unknown ones, and where they can't be had.
    """
    wanted = request.tracks
    if wanted is not None and wanted not in TRACKS:
        raise InvalidRequest(
            f"Unknown tracks: {wanted[:40]!r}", f"Use one of: {', '.join(TRACKS)}.", field="tracks"
        )
    if not pipeline.copies:
        if wanted is None:
            return None
        raise InvalidRequest(
            f"Pipeline {pipeline.name} encodes one video and all audio mixed: it has no other "
            "tracks.",
            "Leave tracks out, or use a pipeline that copies, as copy does.",
            field="tracks",
        )
    if wanted in (None, SELECTED) or pipeline.container == "matroska":
        return wanted or SELECTED
    raise InvalidRequest(
        f"All tracks of a room don't fit into {pipeline.format}: they may have any codec.",
        "Use output_format mkv, or leave tracks out.",
        field="tracks",
    )


def _check_replaceable(encode: EncodeOptions, tracks: str | None) -> None:
    """InvalidRequest if an encode would take the place of videos that it doesn't have."""
    if encode.replace and tracks == ALL:
        raise InvalidRequest(
            "A recording of all tracks can't be replaced by an encode: of its videos only one is"
            " encoded, and the others would be lost.",
            "Set encode.replace to false: the new file then lies beside the recording's; or leave"
            " tracks out.",
            field="encode.replace",
        )


def pipeline_of(request: StartRequest, pipelines: Pipelines) -> Pipeline:
    """The pipeline that it names, else that of its format.

    Raises InvalidRequest, or PipelineBroken.
    """
    if not request.pipeline:
        return pipeline_for(pipelines, request.output_format)
    pipeline = pipelines.get(request.pipeline)
    if not request.output_format:
        return pipeline
    if not pipeline.copies:
        return pipeline.for_format(format_named(pipelines, request.output_format))
    return pipeline.for_format(meant(request.output_format))
