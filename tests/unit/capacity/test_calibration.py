"""Measuring this machine, by command and in a server's background."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from orchestrator.capacity.calibration import BackgroundCalibration, calibrate
from orchestrator.capacity.costs import costs_of, machine_name
from orchestrator.catalog.costs.table import CostTable
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline, Pipelines
from orchestrator.encoding.pipeline.film import Film
from orchestrator.encoding.process.capabilities import FFmpeg, find_ffmpeg
from orchestrator.errors import FFmpegNotFound
from tests.kit.catalog.rows import recording
from tests.kit.recordings.waits import eventually

MP4, COPY = (Pipelines.load(None).get(name) for name in ("mp4", "copy"))
FILM = Film(160, 96, 10)


@pytest.fixture
async def ffmpeg() -> FFmpeg:
    return await find_ffmpeg(None, MP4.encoders)


async def test_every_step_is_measured_and_kept(catalog: Catalog, ffmpeg: FFmpeg) -> None:
    progress: list[tuple[str, int, float]] = []

    def tell(pipeline: Pipeline, step: int, cost: float) -> None:
        progress.append((pipeline.name, step, cost))

    await calibrate(catalog, ffmpeg, [COPY, MP4], tell, film=FILM)
    assert [step for _, step, _ in progress] == [3, 2, 1, 0]
    rows = await CostTable(catalog).of(machine_name(ffmpeg))
    assert {(r.step, r.cpu_s_per_megapixel) for r in rows} == {
        (MP4.speeds[step], cost) for _, step, cost in progress
    }
    assert costs_of([MP4], rows).measured == {"mp4"}
    assert await CostTable(catalog).of("another machine") == []
    # Measured again, they are written over.
    await calibrate(catalog, ffmpeg, [MP4], tell, film=FILM)
    assert len(await CostTable(catalog).of(machine_name(ffmpeg))) == 4


async def test_in_the_background_once_and_only_while_nothing_is_recorded(
    catalog: Catalog, ffmpeg: FFmpeg
) -> None:
    async def find() -> FFmpeg:
        return ffmpeg

    await catalog.create(recording("a", pipeline="mp4"))
    begin = partial(BackgroundCalibration, catalog, find, quiet_s=0.02, film=FILM)
    calibration = begin()
    calibration.open([MP4, COPY])
    looks = 0
    active = catalog.active

    async def counted() -> list[object]:
        nonlocal looks
        looks += 1
        return list(await active())

    catalog.active = counted  # type: ignore[method-assign, assignment]
    await eventually(lambda: looks > 3, lambda: looks, within_s=60)
    machine = machine_name(ffmpeg)
    assert await CostTable(catalog).of(machine) == []
    await catalog.update("a", state="completed")
    await eventually(lambda: calibration.done, lambda: looks, within_s=60)
    before = {(r.step, r.measured_at) for r in await CostTable(catalog).of(machine)}
    assert len(before) == 4
    again = begin()
    again.open([MP4, COPY])
    await eventually(lambda: again.done, lambda: looks, within_s=60)
    assert {(r.step, r.measured_at) for r in await CostTable(catalog).of(machine)} == before
    for each in (calibration, again):
        await each.close()


async def test_without_an_ffmpeg_the_background_gives_up(catalog: Catalog) -> None:
    async def find() -> FFmpeg:
        raise FFmpegNotFound

    calibration = BackgroundCalibration(catalog, find, quiet_s=0.02)
    calibration.open([MP4, COPY])
    await eventually(lambda: calibration.done, lambda: "still at it", within_s=60)
    await calibration.close()


def test_the_machine_is_named(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    name = machine_name(ffmpeg)
    assert ffmpeg.version in name
    other = tmp_path / "ffmpeg"
    other.write_bytes(b"another build")
    assert machine_name(replace(ffmpeg, path=other)) != name
