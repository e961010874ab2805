"""`orchestrator pipelines`: list pipelines, show their commands, and check them."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.formatting import AsJson, Config, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.cli.pipeline_check import CheckResult
    from orchestrator.encoding.pipeline.command import Pipeline
    from orchestrator.encoding.pipeline.loading import Pipelines
    from orchestrator.encoding.process.capabilities import FFmpeg
    from orchestrator.settings import Settings

app = typer.Typer(help="List, show and check the pipelines.", no_args_is_help=True)

INPUT_HINT = (
    "# input.nut stands for the recorder's pipe: raw yuv420p and 48 kHz stereo PCM in NUT.\n"
    "# To create one for a test:\n"
    "#   {ffmpeg} -f lavfi -i testsrc2=s={size}:r=30:d=5 -f lavfi -i sine=d=5 -ac 2 -ar 48000"
    " -pix_fmt yuv420p -c:v rawvideo -c:a pcm_s16le input.nut"
)


@app.command("list")
def list_pipelines(as_json: AsJson = False, config: Config = None) -> None:
    """List the pipelines, and files that fail to load."""
    from orchestrator.settings import load_settings

    pipelines = _load(load_settings(config=config))
    if as_json:
        described = [_described(pipeline) for pipeline in pipelines.by_name.values()]
        broken = [{"name": f.name, "error": f.message, "path": f.path} for f in pipelines.failures]
        print_json({"pipelines": described, "failures": broken})
        return
    columns = ("pipeline", "format", "video", "audio", "what it is", "file")
    print_table(columns, [_row(pipeline) for pipeline in pipelines.by_name.values()])
    for failure in pipelines.failures:
        line = f":{failure.line}" if failure.line else ""
        print(f"{failure.name} failed to load: {failure.path}{line}: {failure.message}")


@app.command("show")
def show_pipeline(
    name: str,
    size: Annotated[str, typer.Option(help="Frame size, WIDTHxHEIGHT.")] = "1280x720",
    quality: Annotated[str, typer.Option(help="Bit rates: low, medium or high.")] = "high",
    speed: Annotated[int | None, typer.Option(help="Speed step; 0 is the slowest.")] = None,
    config: Config = None,
) -> None:
    """Print the exact ffmpeg command of a pipeline, ready to paste into a shell."""
    from orchestrator.encoding.process.capabilities import ffmpeg_for
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    pipeline = _load(settings).get(name)
    ffmpeg = asyncio.run(ffmpeg_for(settings, [pipeline]))
    print(_command(settings, pipeline, ffmpeg, size=_size(size), quality=quality, speed=speed))
    if sys.stdout.isatty():
        print(INPUT_HINT.format(ffmpeg=ffmpeg.path, size=size), file=sys.stderr)


@app.command("check")
def check_pipelines(
    name: Annotated[str | None, typer.Argument(help="Check only this pipeline.")] = None,
    config: Config = None,
) -> None:
    """Load the pipelines and encode a second of test video with each that encodes."""
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    pipelines = _load(settings)
    chosen = [pipelines.get(name)] if name else list(pipelines.by_name.values())
    trials = asyncio.run(_try_all(settings, chosen))
    broken = [] if name else pipelines.failures
    for trial in trials:
        print(f"{'ok  ' if trial.passed else 'FAIL'} {trial.name}: {trial.message}")
    for failure in broken:
        print(f"FAIL {failure.name}: {failure.path}:{failure.line or 1}: {failure.message}")
    if broken or not all(trial.passed for trial in trials):
        raise typer.Exit(1)


def _load(settings: Settings) -> Pipelines:
    from orchestrator.encoding.pipeline.loading import Pipelines

    return Pipelines.load(settings.pipelines_directory)


async def _try_all(settings: Settings, pipelines: list[Pipeline]) -> list[CheckResult]:
    from orchestrator.cli.pipeline_check import check_pipeline

    # One after the other: an encoder takes all the cores it is given.
    return [await check_pipeline(p, settings) for p in pipelines]


def _command(
    settings: Settings,
    pipeline: Pipeline,
    ffmpeg: FFmpeg,
    *,
    size: tuple[int, int],
    quality: str,
    speed: int | None,
) -> str:
    from orchestrator.encoding.pipeline.command import command, paste
    from orchestrator.recordings.start_request import QUALITIES, quality_named

    rates = QUALITIES[quality_named(quality, "quality")]
    argv = command(
        pipeline,
        ffmpeg=ffmpeg,
        source="input.nut",
        output=f"{pipeline.name}.{pipeline.extension}",
        width=size[0],
        height=size[1],
        video_bitrate_bps=rates.video_bps,
        audio_bitrate_bps=rates.audio_bps,
        speed=speed,
        threads=settings.encoder_threads,
    )
    return paste(argv)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if found is None or int(found[1]) % 2 or int(found[2]) % 2:
        raise typer.BadParameter(f"{text} is not a size like 1280x720 with even numbers")
    return int(found[1]), int(found[2])


def _row(pipeline: Pipeline) -> tuple[str, ...]:
    codecs = (pipeline.video_codec, pipeline.audio_codec)
    formats = ", ".join(pipeline.formats)
    return (pipeline.name, formats, *codecs, pipeline.description, str(pipeline.path))


def _described(pipeline: Pipeline) -> dict[str, object]:
    fields = ("name", "description", "format", "extension", "mime_type", "video_codec")
    more = ("audio_codec", "speeds", "default_speed", "path", "copies", "formats")
    return {field: getattr(pipeline, field) for field in (*fields, *more)}
