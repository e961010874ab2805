"""`orchestrator record`: one recording, on the terminal, without a server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.formatting import Config
from orchestrator.cli.named_outputs import HOW

if TYPE_CHECKING:
    from orchestrator.catalog.models import Recording
    from orchestrator.cli.output_target import Target
    from orchestrator.cli.upload_wait import UploadWait
    from orchestrator.e2ee_keys import E2eeKeys
    from orchestrator.recordings.start_request import StartRequest
    from orchestrator.server.webhooks.webhooks import WebhookQueue
    from orchestrator.settings import Settings

UNITS_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600}

PASSPHRASE_FILE: Final = "--e2ee-passphrase-file"
LONGEST_FILE: Final = 8192
"""Characters that are read; a passphrase that has more than it may have is refused by that."""


def _seconds(text: str) -> float:
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if parts is None or float(parts[1]) == 0:
        raise typer.BadParameter(f"{text} is no duration like 90, 90s, 15m or 1.5h")
    return float(parts[1]) * UNITS_S[parts[2]]


Stream = Annotated[
    str,
    typer.Argument(
        help="Id of a live stream: a room's name, or demo. Or its address: whep+https://…, "
        "rtmp://…, srt://…, rtsp://…, file:///…"
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with the bearer token for that address, or set WHEP_TOKEN.",
    ),
]
Format = Annotated[
    str | None, typer.Option(help="av1, mp4, webm, mkv or a pipeline's own format. [default: av1]")
]
VideoQuality = Annotated[str, typer.Option(help="Video bit rate: low, medium or high.")]
AudioQuality = Annotated[str, typer.Option(help="Audio bit rate: low, medium or high.")]
PipelineName = Annotated[
    str | None, typer.Option(help="Pipeline to record with, instead of --format.")
]
Tracks = Annotated[
    str | None,
    typer.Option(
        help="Of a room, with a pipeline that copies: selected or all. [default: selected]"
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(parser=_seconds, metavar="TIME", help="Stop after this time: 90, 90s, 15m, 1.5h."),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="PATH", help="Folder or file to record to: talk.mp4."),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="OUTPUT",
        help=f"What else becomes of it, once for each: {HOW} none: not those of the settings.",
    ),
]
WebhookUrl = Annotated[
    list[str] | None,
    typer.Option(
        "--webhook", metavar="URL", help="Who is called when something happens to it, or @FILE."
    ),
]
KeepData = Annotated[
    bool | None,
    typer.Option(
        "--data/--no-data",
        help="Keep chat, data messages and what participants do. [default: by setting]",
    ),
]
HideRecording = Annotated[
    bool | None,
    typer.Option(
        "--hide-recording/--show-recording",
        help="Whether participants of a LiveKit room see that they are recorded. "
        "[default: by setting]",
    ),
]
PassphraseFile = Annotated[
    str | None,
    typer.Option(
        PASSPHRASE_FILE,
        metavar="FILE",
        help="File with the passphrase of an end-to-end encrypted room; - is standard input.",
    ),
]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait", help="Wait until it is live and unmuted; --duration counts from then on."
    ),
]


def record(
    stream: Stream,
    format: Format = None,
    quality: VideoQuality = "high",
    audio_quality: AudioQuality = "high",
    pipeline: PipelineName = None,
    tracks: Tracks = None,
    duration: Duration = None,
    output: Output = None,
    also: Also = None,
    webhook: WebhookUrl = None,
    data: KeepData = None,
    hide_recording: HideRecording = None,
    token_file: TokenFile = None,
    e2ee_passphrase_file: PassphraseFile = None,
    wait: Wait = False,
    config: Config = None,
) -> None:
    """Record a live stream until it ends, --duration is over, or Ctrl-C. Needs no server.

    On a terminal, p pauses the recording and resumes it.
    """
    from orchestrator.cli.named_outputs import outputs_of, webhooks_of
    from orchestrator.cli.standard_streams import outlive_readers
    from orchestrator.cli.stream_address import with_address
    from orchestrator.recordings.limits import requested_limits
    from orchestrator.recordings.start_request import StartedBy, StartRequest

    keys = _keys(e2ee_passphrase_file) if e2ee_passphrase_file else None
    outputs, webhooks = outputs_of(also or ()), webhooks_of(webhook or ())
    where = _target(output, format, pipeline, config) if output else None
    folder = _made(where.folder, config) if where else None
    outlive_readers()
    settings, stream_id = with_address(_settings(config, folder), stream, token_file)
    request = StartRequest(
        started_by=StartedBy.WATCH if wait else StartedBy.USER,
        stream_id=stream_id,
        output_format=where.format if where and where.format else format,
        pipeline=where.pipeline if where and where.pipeline else pipeline,
        video_quality=quality,
        audio_quality=audio_quality,
        output_directory=str(folder) if folder else None,
        file_name=where.file_name if where else None,
        limits=requested_limits(duration, None, None, None),
        tracks=tracks,
        e2ee=keys,
        outputs=outputs,
        webhooks=webhooks,
        data=data,
        hide_recording=hide_recording,
    )
    _run(settings, request, wait)


def _keys(file: str) -> E2eeKeys:
    """Those of the passphrase in a file, which may end with one newline; `file` may be -."""
    import sys

    from pydantic import ValidationError

    from orchestrator.e2ee_keys import E2eeKeys

    try:
        if file == "-":
            text = sys.stdin.read(LONGEST_FILE)
        else:
            with Path(file).open(encoding="utf-8") as source:
                text = source.read(LONGEST_FILE)
        return E2eeKeys.model_validate({"passphrase": text.removesuffix("\n").removesuffix("\r")})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
    except (OSError, UnicodeError) as error:
        why = str(error)
    raise typer.BadParameter(f"no passphrase in {file}: {why}", param_hint=PASSPHRASE_FILE)


def _settings(config: Path | None, folder: Path | None) -> Settings:
    """The settings, with their warnings printed and logging configured."""
    from orchestrator import logs
    from orchestrator.settings import load_settings, warnings

    settings = load_settings(config=config, output_directory=folder)
    for text in warnings(settings):
        _say(f"warning: {text}")
    # Log lines would break up the progress line.
    logs.configure("debug" if settings.log_level == "debug" else "warning", settings.log_format)
    return settings


def _run(settings: Settings, request: StartRequest, wait: bool) -> None:
    from orchestrator.cli.progress import summary

    try:
        ended, uploaded = asyncio.run(_record(settings, request, wait))
    except asyncio.CancelledError:
        _say("Interrupted. The worker process is still finishing the file.")
        raise typer.Exit(130) from None
    summary(ended)
    if uploaded is not True:
        raise typer.Exit(130 if uploaded is None else 1)


async def _record(
    settings: Settings, request: StartRequest, wait: bool
) -> tuple[Recording, bool | None]:
    """The completed recording, and whether it is uploaded; None: interrupted while it was."""
    from orchestrator.cli.terminal_recording import TerminalRecording
    from orchestrator.cli.upload_wait import UploadWait
    from orchestrator.errors import HavenError
    from orchestrator.server.manager import create_manager

    # A manager that closes finishes all recordings; those of a server are not ours.
    # On the command line any target may be named; the limits bind only clients of the API.
    own = {"leave_recordings_running": True, "allow_private_targets": True}
    manager = create_manager(settings.model_copy(update=own))
    await manager.open()
    try:
        wait_s = settings.watch_period_s if wait else None
        manager.uploader.open()
        try:
            recording = await TerminalRecording(manager, request, wait_s).run()
        except HavenError:
            await _call_webhooks(manager.webhooks)
            raise
        uploaded = await _until_uploaded(UploadWait(manager.outputs, recording.id, _say))
        await _call_webhooks(manager.webhooks)
        return recording, uploaded
    finally:
        await manager.close()


async def _until_uploaded(wait: UploadWait) -> bool | None:
    try:
        return await wait.run()
    except asyncio.CancelledError:
        _say("Interrupted. The upload goes on in its own process.")
        return None


async def _call_webhooks(webhooks: WebhookQueue) -> None:
    """Where no server runs: a recording's last calls are made before the command ends."""
    from orchestrator.server.webhooks.webhooks import SETTLE_S

    if left := await webhooks.settle(SETTLE_S):
        _say(f"{left} web hook calls aren't delivered; the next server tries them again.")


def _target(output: str, format: str | None, pipeline: str | None, config: Path | None) -> Target:
    from orchestrator.cli.output_target import target
    from orchestrator.encoding.pipeline.loading import Pipelines
    from orchestrator.settings import load_settings

    pipelines = Pipelines.load(load_settings(config=config).pipelines_directory)
    return target(output, format, pipeline, pipelines)


def _made(folder: Path, config: Path | None) -> Path:
    from orchestrator.mediafiles.paths import make_output_directory
    from orchestrator.settings import load_settings

    access = load_settings(config=config).file_access
    # On the command line any path may be chosen; the roots bind only clients of the API.
    return make_output_directory(folder, [Path(folder.anchor)], access)


def _say(message: str) -> None:
    typer.echo(message, err=True)
