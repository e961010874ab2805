"""`orchestrator pipelines`: the presets there are, the command of one, and a try of it."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.output import AsJson, Config, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.cli.trial import Trial
    from orchestrator.encoding.capabilities import FFmpeg
    from orchestrator.encoding.pipeline import Preset
    from orchestrator.encoding.presets import Presets
    from orchestrator.settings import Settings

app = typer.Typer(help="List, show and check the encoding pipelines.", no_args_is_help=True)

INPUT_HINT = (
    "# input.nut stands for the recorder's pipe: raw yuv420p and 48 kHz stereo PCM in NUT.\n"
    "# Make one to try it with:\n"
    "#   {ffmpeg} -f lavfi -i testsrc2=s={size}:r=30:d=5 -f lavfi -i sine=d=5 -ac 2 -ar 48000"
    " -pix_fmt yuv420p -c:v rawvideo -c:a pcm_s16le input.nut"
)


@app.command("list")
def list_pipelines(as_json: AsJson = False, config: Config = None) -> None:
    """List the presets, and the files that don't load."""
    from orchestrator.settings import load_settings

    presets = _load(load_settings(config=config))
    if as_json:
        made = [_described(preset) for preset in presets.presets.values()]
        broken = [{"name": f.name, "error": f.message, "path": f.path} for f in presets.failures]
        print_json({"pipelines": made, "failures": broken})
        return
    columns = ("pipeline", "format", "video", "audio", "what it is", "file")
    print_table(columns, [_row(preset) for preset in presets.presets.values()])
    for failure in presets.failures:
        line = f":{failure.line}" if failure.line else ""
        print(f"{failure.name} does not load: {failure.path}{line}: {failure.message}")


@app.command("show")
def show_pipeline(
    name: str,
    size: Annotated[str, typer.Option(help="Picture, WIDTHxHEIGHT.")] = "1280x720",
    quality: Annotated[str, typer.Option(help="low, medium or high: the bit rates.")] = "high",
    speed: Annotated[int | None, typer.Option(help="Speed step; 0 is the slowest.")] = None,
    config: Config = None,
) -> None:
    """Print the exact ffmpeg command of a preset, ready to paste into a shell."""
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    preset = _load(settings).get(name)
    ffmpeg = asyncio.run(_ffmpeg(settings, preset))
    print(_command(settings, preset, ffmpeg, size=_size(size), quality=quality, speed=speed))
    if sys.stdout.isatty():
        print(INPUT_HINT.format(ffmpeg=ffmpeg.path, size=size), file=sys.stderr)


@app.command("check")
def check_pipelines(
    name: Annotated[str | None, typer.Argument(help="Only this preset.")] = None,
    config: Config = None,
) -> None:
    """Load the presets and encode a second of a test picture with each."""
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    presets = _load(settings)
    chosen = [presets.get(name)] if name else list(presets.presets.values())
    trials = asyncio.run(_try_all(settings, chosen))
    broken = [] if name else presets.failures
    for trial in trials:
        print(f"{'ok  ' if trial.passed else 'FAIL'} {trial.name}: {trial.message}")
    for failure in broken:
        print(f"FAIL {failure.name}: {failure.path}:{failure.line or 1}: {failure.message}")
    if broken or not all(trial.passed for trial in trials):
        raise typer.Exit(1)


def _load(settings: Settings) -> Presets:
    from orchestrator.encoding.presets import Presets

    return Presets.load(settings.pipelines_directory)


async def _ffmpeg(settings: Settings, *presets: Preset) -> FFmpeg:
    from orchestrator.encoding.capabilities import find_ffmpeg

    needed = frozenset[str]().union(*(preset.encoders for preset in presets))
    return await find_ffmpeg(settings.ffmpeg, needed)


async def _try_all(settings: Settings, presets: list[Preset]) -> list[Trial]:
    from orchestrator.cli.trial import attempt

    # One after the other: an encoder takes all the cores it is given.
    return [await attempt(p, await _ffmpeg(settings, p), settings) for p in presets]


def _command(
    settings: Settings,
    preset: Preset,
    ffmpeg: FFmpeg,
    *,
    size: tuple[int, int],
    quality: str,
    speed: int | None,
) -> str:
    from orchestrator.encoding.pipeline import command, paste
    from orchestrator.recordings.request import QUALITIES, quality_named

    rates = QUALITIES[quality_named(quality, "quality")]
    argv = command(
        preset,
        ffmpeg=ffmpeg,
        source="input.nut",
        output=f"{preset.name}.{preset.extension}",
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
        raise typer.BadParameter(f"{text} is no size like 1280x720, both numbers even")
    return int(found[1]), int(found[2])


def _row(preset: Preset) -> tuple[str, ...]:
    codecs = (preset.video_codec, preset.audio_codec)
    return (preset.name, preset.format, *codecs, preset.description, str(preset.path))


def _described(preset: Preset) -> dict[str, object]:
    fields = ("name", "description", "format", "extension", "mime_type", "video_codec")
    more = ("audio_codec", "speeds", "default_speed", "path")
    return {field: getattr(preset, field) for field in (*fields, *more)}
