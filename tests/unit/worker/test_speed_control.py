"""The step is decided anew for the true size; what is measured of it takes its time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit, Reservation
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import Unavailable
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.settings import Settings
from orchestrator.worker.control import speed_control
from orchestrator.worker.control.speed_control import create_speed_control
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.status_report import LEAST_S, Average
from tests.unit.worker.test_segments import ENDED, segments_in


async def test_a_small_video_gets_a_slower_step(catalog: Catalog, tmp_path: Path) -> None:
    segments, notes = await segments_in(catalog, tmp_path), []
    assert segments.speed.next == 3
    await create_speed_control(segments, Settings(), lambda kind, text: notes.append((kind, text)))
    assert segments.speed.next == 0
    row: Recording = await catalog.get(segments.recording.id)
    assert row.speed_step == 0
    assert row.reserved_cores is not None
    assert 0 < row.reserved_cores < 0.2
    message = "speed step faster: the slowest that fits, for 64x48"
    assert notes == [("speed", message)]
    assert segments.speed.threads == 1


async def test_audio_alone_reserves_little_until_video_is_published(
    catalog: Catalog, tmp_path: Path
) -> None:
    segments, notes, video = await segments_in(catalog, tmp_path), [], list[str]()
    segments.canvas = CanvasSize(1280, 720)
    looked = await create_speed_control(
        segments, Settings(), lambda kind, text: notes.append(text), lambda: bool(video)
    )
    alone = (await catalog.get("a")).reserved_cores
    assert alone is not None
    assert alone < 0.09
    assert notes == ["speed step faster: the slowest that fits, for audio alone"]
    assert segments.speed.threads == 1, "what a video will need"
    await looked.ask_for_cpu()
    assert (await catalog.get("a")).reserved_cores == alone
    video.append("camera")
    await looked.ask_for_cpu()
    reserved = (await catalog.get("a")).reserved_cores
    assert reserved is not None
    assert reserved > 4 * alone
    assert notes[-1] == "video is published: CPU for 1280x720 is reserved"
    await catalog.update("a", reserved_cores=alone)
    await looked.ask_for_cpu()
    assert (await catalog.get("a")).reserved_cores == alone, "it was asked for once"


async def test_room_for_video_is_asked_for_again_after_a_busy_catalog(
    catalog: Catalog, tmp_path: Path
) -> None:
    segments, video = await segments_in(catalog, tmp_path), list[str]()
    looked = await create_speed_control(
        segments, Settings(), lambda kind, text: None, lambda: bool(video)
    )
    reserve, video = catalog.reserve, ["camera"]

    async def busy(id: str, admit: Admit) -> Reservation:
        raise Unavailable("The catalog can't be used now.")

    looked._has_video = lambda: True
    before = (await catalog.get("a")).reserved_cores
    catalog.reserve = busy  # type: ignore[method-assign]
    await looked.ask_for_cpu()
    assert (await catalog.get("a")).reserved_cores == before
    catalog.reserve = reserve  # type: ignore[method-assign]
    await looked.ask_for_cpu()
    assert (await catalog.get("a")).reserved_cores != before


async def test_room_that_others_left_is_asked_for(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed_control, "ASK_S", 0.0)
    segments = await segments_in(catalog, tmp_path)
    looked = await create_speed_control(segments, Settings(), lambda kind, text: None)
    await looked.ask_for_cpu()
    await catalog.update("a", speed_step=2, reserved_cores=0.05)
    segments.speed.reserve(2)  # as the entry reads it
    supervisor = Supervisor(segments.begin, _ignore, _ignore, max_restarts=0)
    looked.look(supervisor)
    assert segments.speed.next == 2
    await looked.ask_for_cpu()
    row = await catalog.get("a")
    assert row.speed_step == 1, "one step after the other"
    assert row.reserved_cores is not None
    assert row.reserved_cores > 0.05

    async def busy(id: str, admit: Admit) -> Reservation:
        raise Unavailable("The catalog can't be used now.")

    catalog.reserve = busy  # type: ignore[method-assign]
    await looked.ask_for_cpu()

    async def gone(*_: object) -> None:
        raise FileNotFoundError("ffmpeg")

    monkeypatch.setattr(speed_control, "capacity", gone)
    await looked.ask_for_cpu()


@pytest.mark.parametrize("columns", [{"speed_pinned": True}, {"speed_step": 0}])
async def test_who_wants_nothing_asks_for_no_room(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any]
) -> None:
    monkeypatch.setattr(speed_control, "ASK_S", 0.0)
    segments = await segments_in(catalog, tmp_path)
    segments.speed = EncoderSpeed(
        columns.get("speed_step"), columns.get("speed_pinned", False), next=3
    )
    await catalog.update("a", **columns)
    looked = await create_speed_control(segments, Settings(), lambda kind, text: None)

    async def never(*_: object) -> None:
        raise AssertionError("it asked")

    catalog.reserve = never  # type: ignore[method-assign, assignment]
    await looked.ask_for_cpu()


async def test_threads_that_were_set_are_kept_to(catalog: Catalog, tmp_path: Path) -> None:
    segments = await segments_in(catalog, tmp_path)
    segments.encoding = replace(segments.encoding, threads=2)
    await create_speed_control(segments, Settings(), lambda kind, text: None)
    assert segments.speed.threads == 0
    plan = await segments.begin(1)
    assert isinstance(plan.run, Run)
    assert plan.run.argv[plan.run.argv.index("-threads:v") + 1] == "2"
    await plan.ended(ENDED)


async def test_a_busy_catalog_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    segments, notes = await segments_in(catalog, tmp_path), []

    async def busy(id: str, admit: Admit) -> Reservation:
        raise Unavailable("The catalog can't be used now.")

    catalog.reserve = busy  # type: ignore[method-assign]
    await create_speed_control(segments, Settings(), lambda kind, text: notes.append((kind, text)))
    assert segments.speed.next == 3
    message = "speed step ultrafast: the slowest that fits, for 64x48"
    assert notes == [("speed", message)]


def _ignore(*told: object) -> None:
    """Nobody looks."""


def test_use_is_known_after_a_while_and_anew_for_each_ffmpeg() -> None:
    average = Average()

    def at(second: float, pids: tuple[int, ...], cpu_s: float) -> float | None:
        return average.add(second, pids, cpu_s)

    early = [at(second, (1, 2), 0.5 * second) for second in range(int(LEAST_S))]
    assert early == [None] * int(LEAST_S)
    assert at(LEAST_S, (1, 2), 0.5 * LEAST_S) == 0.5
    assert at(LEAST_S + 1, (1, 3), 0.1) is None, "another ffmpeg"
    assert at(LEAST_S + 11, (1, 3), 2.1) == 0.2
    assert at(LEAST_S + 12, (), 0) is None
    later = [at(100 + second, (1, 3), second * (1 if second < 50 else 0)) for second in range(99)]
    assert later[20] == 1.0
    assert later[-1] == 0.0, "only the last half minute counts"


def test_the_first_step_is_one_that_the_pipeline_has() -> None:
    pipeline = Pipelines.load(None).by_name["mp4"]
    steps = []
    for reserved in (None, 0, 2, 9):
        speed = EncoderSpeed(reserved)
        speed.begin(pipeline)
        steps.append(speed.next)
    assert steps == [pipeline.default_speed, 0, 2, len(pipeline.speeds) - 1]
