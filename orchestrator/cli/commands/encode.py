"""`orchestrator encode`: encodes a finished file again, slowly and small."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orchestrator.cli.formatting import AsJson, Config, print_json

if TYPE_CHECKING:
    from orchestrator.catalog.store import Catalog
    from orchestrator.settings import Settings
    from orchestrator.transcoding.request import TranscodingRequest
    from orchestrator.transcoding.result import TranscodingResult

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED: Final = 130
EPILOG: Final = (
    "Example: orchestrator encode talk.mp4 --pipeline av1-svt --quality medium --replace\n\n"
    "It works only while nothing else needs the cores. Ctrl-C stops it; the same command goes on."
)


def _bits(text: str) -> int:
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text)
    if parts is None:
        raise typer.BadParameter(f"{text} is no bit rate like 800k or 1.5M")
    return round(float(parts[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[parts[2]])


Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE|ID", help="Any file that ffmpeg reads, or a recording's id (all its parts)."
    ),
]
PipelineName = Annotated[str, typer.Option(help="Pipeline whose later profile is used.")]
Quality = Annotated[str, typer.Option(help="CRF of the pipeline: low, medium or high.")]
Crf = Annotated[
    int | None, typer.Option(help="The encoder's own quality, 0 is best; instead of --quality.")
]
Bitrate = Annotated[
    int | None,
    typer.Option(parser=_bits, metavar="RATE", help="Average of the video: 800k, 1.5M."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="PATH", help="Folder or new file.")
]
Replace = Annotated[
    bool | None,
    typer.Option(
        "--replace/--keep",
        help="Remove the source once the new file is checked, or keep it, which is the default"
        " unless ORCHESTRATOR_ENCODE_REPLACE is set.",
    ),
]
Vmaf = Annotated[bool, typer.Option("--vmaf", help="Measure the VMAF against the source.")]


def encode(
    source: Source,
    pipeline: PipelineName = "av1-svt",
    quality: Quality = "high",
    crf: Crf = None,
    bitrate: Bitrate = None,
    output: Output = None,
    replace: Replace = None,
    vmaf: Vmaf = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Encode a finished file again, small, while there is time for it.

    Every frame keeps its time. No file is ever overwritten.
    The new file is compared with the source before it gets its name.
    """
    from orchestrator import logs
    from orchestrator.cli.transcoding_progress import summary
    from orchestrator.settings import load_settings
    from orchestrator.transcoding.request import TranscodingRequest

    settings = load_settings(config=config)
    # stdout is for the result; only warnings are logged.
    logs.configure("warning", settings.log_format)
    request = TranscodingRequest(
        source=Path(source),
        pipeline=pipeline,
        quality=quality,
        crf=crf,
        bitrate_bps=bitrate,
        output=output,
        replace=settings.encode_replace if replace is None else replace,
        vmaf=vmaf,
    )
    results = asyncio.run(_stoppable(_encode_all(request, source, settings)))
    if as_json:
        print_json([result.as_dict() for result in results])
        return
    for result in results:
        summary(result)


async def _encode_all(
    request: TranscodingRequest, source: str, settings: Settings
) -> list[TranscodingResult]:
    """Of a file, or of all files of a recording."""
    from orchestrator.catalog.store import Catalog
    from orchestrator.transcoding.recording_files import files_of_recording, refuse_recorded

    catalog = Catalog(settings.database_url, settings.file_access)
    await catalog.open(migrate=True)
    try:
        # An id has neither.
        if "/" in source or "." in source or await asyncio.to_thread(request.source.exists):
            paths = [request.source]
        else:
            paths = await files_of_recording(catalog, source)
        for path in paths:
            await refuse_recorded(catalog, path)
        _refuse_one_output(request, paths)
        return [await _encode(replace(request, source=path), settings, catalog) for path in paths]
    finally:
        await catalog.close()


def _refuse_one_output(request: TranscodingRequest, paths: list[Path]) -> None:
    from orchestrator.errors import InvalidRequest

    if len(paths) > 1 and request.output is not None and not request.output.is_dir():
        raise InvalidRequest(
            f"The recording has {len(paths)} parts, and --output names one file.",
            "Give a folder, or leave it out.",
        )


async def _encode(
    request: TranscodingRequest, settings: Settings, catalog: Catalog
) -> TranscodingResult:
    from orchestrator.cli.transcoding_progress import shown_progress
    from orchestrator.encoding.pipeline.loading import Pipelines
    from orchestrator.recordings.start_request import quality_named
    from orchestrator.transcoding.recording_files import put_replaced
    from orchestrator.transcoding.transcode import check, transcode

    output = await check(request, settings)
    try:
        with shown_progress(request.source.name) as on_progress:
            result = await transcode(request, settings, on_progress)
    except asyncio.CancelledError:
        _say_what_is_kept(output)
        raise
    if result.replaced:
        pipelines = await asyncio.to_thread(Pipelines.load, settings.pipelines_directory)
        by_quality = request.crf is None and request.bitrate_bps is None
        quality = quality_named(request.quality, "quality") if by_quality else None
        await put_replaced(catalog, result, pipelines.get(request.pipeline), quality)
    return result


def _say_what_is_kept(output: Path) -> None:
    from rich.text import Text

    from orchestrator.cli.formatting import console, plain
    from orchestrator.transcoding.work_folder import finished_chunks, work_folder_of

    chunks = finished_chunks(output)
    if output.exists():  # it was done at that very moment
        said = f"Stopped. {output} is whole."
    elif chunks:
        said = (
            f"Stopped. The source is as it was. {chunks} finished chunks are kept in"
            f" {work_folder_of(output)}; the same command goes on there."
        )
    else:
        said = "Stopped. The source is as it was. Nothing was left behind."
    console(stderr=True).print(Text(plain(said)))


async def _stoppable(work: Coroutine[Any, Any, list[TranscodingResult]]) -> list[TranscodingResult]:
    """Cancels it at a signal, and waits until it has ended."""
    task = asyncio.ensure_future(work)
    with _signals(task):
        try:
            return await task
        except asyncio.CancelledError:
            raise typer.Exit(STOPPED) from None


@contextmanager
def _signals(task: asyncio.Future[Any]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    # Where SIGHUP is ignored, as `nohup` has it, it goes on without its terminal.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    taken = [number for number in SIGNALS if number != signal.SIGHUP or not ignored]
    stopping = False

    def stop() -> None:
        """At the first signal; another would only interrupt the cleaning up."""
        nonlocal stopping
        if not stopping:
            stopping = True
            task.cancel()

    for number in taken:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
