"""`orchestrator calibrate`: measures what encoding costs on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.formatting import AsJson, Config, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.encoding.pipeline.command import Pipeline
    from orchestrator.settings import Settings


def calibrate(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Names of pipelines. [default: all]")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Measure the CPU cost of each pipeline's speed steps on this machine; takes about a minute.

    The costs decide which speed step a recording gets, and whether it is accepted at all.
    """
    from orchestrator import logs
    from orchestrator.capacity.cpu_budget import ASSUMED
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    # stdout is for the result; only warnings are logged.
    logs.configure("warning", settings.log_format)
    measured = asyncio.run(_measure(settings, pipelines or []))
    rows = [(pipeline.name, pipeline.speeds[step], cost) for pipeline, step, cost in measured]
    if as_json:
        print_json(
            [{"pipeline": p, "step": s, "cpu_s_per_megapixel": round(c, 5)} for p, s, c in rows]
        )
        return
    columns = ("pipeline", "step", "CPU s per megapixel", "cores at 720p30, encoding alone")
    rate = ASSUMED.megapixels_per_s
    print_table(columns, [(p, s, f"{cost:.4f}", f"{cost * rate:.2f}") for p, s, cost in rows])


async def _measure(settings: Settings, names: list[str]) -> list[tuple[Pipeline, int, float]]:
    from orchestrator.capacity.calibration import calibrate
    from orchestrator.catalog.store import Catalog
    from orchestrator.encoding.pipeline.loading import Pipelines
    from orchestrator.encoding.process.capabilities import ffmpeg_for
    from orchestrator.errors import InvalidRequest

    known = await asyncio.to_thread(Pipelines.load, settings.pipelines_directory)
    pipelines = [known.get(name) for name in names or sorted(known.by_name)]
    if copying := [p.name for p in pipelines if p.copies and names]:
        raise InvalidRequest(
            f"Pipeline {copying[0]} copies frames as they come: there is no encoder to measure.",
            "Leave it out; what running recordings take corrects its cost.",
        )
    found: list[tuple[Pipeline, int, float]] = []
    catalog = Catalog(settings.database_url, settings.file_access)
    await catalog.open(migrate=True)
    try:
        ffmpeg = await ffmpeg_for(settings, pipelines)
        await calibrate(catalog, ffmpeg, pipelines, lambda *one: found.append(one))
    finally:
        await catalog.close()
    return found
