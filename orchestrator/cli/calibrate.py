"""`orchestrator calibrate`: what encoding costs on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.output import AsJson, Config, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.encoding.pipeline import Preset
    from orchestrator.settings import Settings


def calibrate(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Pipelines by name. [default: all]")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Measure what each speed step of the pipelines costs here; takes about a minute.

    /start decides by it which step a recording gets, and whether there is room for it.
    """
    from orchestrator import logs
    from orchestrator.recordings.capacity import ASSUMED
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    # What is printed is for people or scripts; log lines go elsewhere.
    logs.configure("warning", settings.log_format)
    measured = asyncio.run(_measure(settings, pipelines or []))
    rows = [(preset.name, preset.speeds[step], cost) for preset, step, cost in measured]
    if as_json:
        print_json(
            [{"pipeline": p, "step": s, "cpu_s_per_megapixel": round(c, 5)} for p, s, c in rows]
        )
        return
    columns = ("pipeline", "step", "CPU s per megapixel", "cores at 720p30, encoding alone")
    rate = ASSUMED.megapixels_per_s
    print_table(columns, [(p, s, f"{cost:.4f}", f"{cost * rate:.2f}") for p, s, cost in rows])


async def _measure(settings: Settings, names: list[str]) -> list[tuple[Preset, int, float]]:
    from orchestrator.catalog.store import Catalog
    from orchestrator.encoding.capabilities import find_ffmpeg
    from orchestrator.encoding.presets import Presets
    from orchestrator.recordings.calibration import calibrate

    known = await asyncio.to_thread(Presets.load, settings.pipelines_directory)
    presets = [known.get(name) for name in names or sorted(known.presets)]
    needed = frozenset[str]().union(*(preset.encoders for preset in presets))
    found: list[tuple[Preset, int, float]] = []
    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=True)
    try:
        ffmpeg = await find_ffmpeg(settings.ffmpeg, needed)
        await calibrate(catalog, ffmpeg, presets, lambda *one: found.append(one))
    finally:
        await catalog.close()
    return found
