"""The step is decided anew for the true size; what is measured of it takes its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Admit, Catalog
from orchestrator.encoding.supervisor import Supervisor
from orchestrator.errors import Unavailable
from orchestrator.recordings import pacing
from orchestrator.recordings.pacing import settled
from orchestrator.recordings.report import LEAST_S, Average
from orchestrator.settings import Settings
from tests.catalog.rows import NOON
from tests.recordings.test_segments import ENDED, segments_of


async def test_a_small_picture_gets_a_slower_step(catalog: Catalog, tmp_path: Path) -> None:
    segments, notes = await segments_of(catalog, tmp_path), []
    assert segments.speed_step == 3
    await settled(segments, Settings(), lambda kind, text: notes.append((kind, text)))
    assert segments.speed_step == 0
    row: Recording = await catalog.get(segments.recording.id)
    assert row.speed_step == 0
    assert row.reserved_cores is not None
    assert 0 < row.reserved_cores < 0.2
    story = "speed step faster: the slowest that there is room for, for 64x48"
    assert notes == [("speed", story)]
    assert segments.threads == 1


async def test_room_that_others_left_is_asked_for(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "ASK_S", 0.0)
    segments = await segments_of(catalog, tmp_path)
    looked = await settled(segments, Settings(), lambda kind, text: None)
    await looked.ask_for_room()
    await catalog.update("a", speed_step=2, reserved_cores=0.05)
    segments.recording.speed_step = 2  # as the ledger reads it
    supervisor = Supervisor(segments.begin, _ignore, _ignore, max_restarts=0)
    looked.look(supervisor)
    assert segments.speed_step == 2
    await looked.ask_for_room()
    row = await catalog.get("a")
    assert row.speed_step == 1, "one step after the other"
    assert row.reserved_cores is not None
    assert row.reserved_cores > 0.05

    async def busy(id: str, admit: Admit) -> None:
        raise Unavailable("The catalog can't be used now.")

    catalog.reserve = busy  # type: ignore[method-assign]
    await looked.ask_for_room()

    async def gone(*_: object) -> None:
        raise FileNotFoundError("ffmpeg")

    monkeypatch.setattr(pacing, "capacity", gone)
    await looked.ask_for_room()


@pytest.mark.parametrize("columns", [{"speed_pinned": True}, {"speed_step": 0}])
async def test_who_wants_nothing_asks_for_no_room(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any]
) -> None:
    monkeypatch.setattr(pacing, "ASK_S", 0.0)
    segments = await segments_of(catalog, tmp_path)
    for name, value in columns.items():
        setattr(segments.recording, name, value)
    await catalog.update("a", **columns)
    looked = await settled(segments, Settings(), lambda kind, text: None)

    async def never(*_: object) -> None:
        raise AssertionError("it asked")

    catalog.reserve = never  # type: ignore[method-assign, assignment]
    await looked.ask_for_room()


async def test_threads_that_were_set_are_kept_to(catalog: Catalog, tmp_path: Path) -> None:
    segments = await segments_of(catalog, tmp_path)
    segments.encoding = replace(segments.encoding, threads=2)
    await settled(segments, Settings(), lambda kind, text: None)
    assert segments.threads == 0
    plan = await segments.begin(1)
    assert plan.argv[plan.argv.index("-threads:v") + 1] == "2"
    await plan.ended(ENDED)


async def test_a_busy_catalog_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    segments, notes = await segments_of(catalog, tmp_path), []

    async def busy(id: str, admit: Admit) -> None:
        raise Unavailable("The catalog can't be used now.")

    catalog.reserve = busy  # type: ignore[method-assign]
    await settled(segments, Settings(), lambda kind, text: notes.append((kind, text)))
    assert segments.speed_step == 3
    story = "speed step ultrafast: the slowest that there is room for, for 64x48"
    assert notes == [("speed", story)]


def _ignore(*told: object) -> None:
    """Nobody looks."""


def test_use_is_known_after_a_while_and_anew_for_each_ffmpeg() -> None:
    average = Average()

    def at(second: float, pids: tuple[int, ...], cpu_s: float) -> float | None:
        return average.add(NOON + timedelta(seconds=second), pids, cpu_s)

    early = [at(second, (1, 2), 0.5 * second) for second in range(int(LEAST_S))]
    assert early == [None] * int(LEAST_S)
    assert at(LEAST_S, (1, 2), 0.5 * LEAST_S) == 0.5
    assert at(LEAST_S + 1, (1, 3), 0.1) is None, "another ffmpeg"
    assert at(LEAST_S + 11, (1, 3), 2.1) == 0.2
    assert at(LEAST_S + 12, (), 0) is None
    later = [at(100 + second, (1, 3), second * (1 if second < 50 else 0)) for second in range(99)]
    assert later[20] == 1.0
    assert later[-1] == 0.0, "only the last half minute counts"
