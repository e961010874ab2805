"""A new canvas is a new segment, if there is room for it; else it stays, reported once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.errors import NoCapacity
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.recordings.limits import MOST_PARTS
from orchestrator.settings import Settings
from orchestrator.worker.control.canvas_control import CanvasControl
from orchestrator.worker.control.speed_control import SpeedControl, create_speed_control
from orchestrator.worker.preview import Preview
from orchestrator.worker.recording_setup import create_segments
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.selection_policy import SelectionPolicy
from tests.integration.encoding.test_sizes import encode
from tests.kit.catalog.rows import segment
from tests.unit.worker.test_canvas_policy import video
from tests.unit.worker.test_segments import ENDED, segments_in

SMALL, LARGE = CanvasSize(64, 48), CanvasSize(640, 480)


class Bench:
    """What follows the canvas of one recording that runs no ffmpeg; the clock stands still."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.splits = 0
        self.now_s = 0.0
        self.canvas_policy = CanvasPolicy(SMALL, clock=lambda: self.now_s)

    async def over(self, catalog: Catalog, folder: Path, **settings: Any) -> CanvasControl:
        self.segments = await segments_in(catalog, folder)
        speed_control = await create_speed_control(
            self.segments, Settings(**settings), lambda kind, text: None
        )
        supervisor = Supervisor(self.segments.begin, _ignore, _ignore, max_restarts=0)
        supervisor.split = self._split  # type: ignore[method-assign]
        return CanvasControl(
            self.canvas_policy, self.segments, speed_control, supervisor, self._note
        )

    def grow(self) -> None:
        for _ in range(2):
            self.canvas_policy.saw((640, 480), video())
            self.now_s += 3

    def _split(self) -> None:
        self.splits += 1

    def _note(self, kind: str, text: str) -> None:
        self.notes.append(text)


def _ignore(*told: object) -> None:
    """Nobody looks."""


async def test_growth_is_a_new_segment(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench()
    control = await bench.over(catalog, tmp_path, cpu_limit=10)
    bench.grow()
    running = asyncio.create_task(control.run())
    async with asyncio.timeout(10):
        while not bench.splits:
            await asyncio.sleep(0.01)
    running.cancel()
    assert (bench.segments.canvas, bench.segments.part) == (LARGE, 1)
    assert bench.canvas_policy.canvas == LARGE
    assert bench.notes == ["frame size 64x48 -> 640x480"]
    plan = await bench.segments.begin(1)
    assert bench.segments.running_canvas == LARGE
    await plan.ended(ENDED)
    row = await catalog.get("a")
    assert row.reserved_cores is not None
    assert row.reserved_cores > 0.1, "of the larger one"


async def test_without_room_it_stays_and_that_is_reported_once(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    control = await bench.over(catalog, tmp_path)

    async def full(self: object, canvas: CanvasSize) -> None:
        raise NoCapacity("There is no room.", "Wait.")

    monkeypatch.setattr(SpeedControl, "resize", full)
    bench.grow()
    for _ in range(2):
        assert bench.canvas_policy.due() == LARGE
        await control.change_to(LARGE)
        assert bench.canvas_policy.due() is None
        bench.now_s += 11
    assert (bench.segments.canvas, bench.splits) == (SMALL, 0)
    assert bench.notes == ["frame size stays 64x48, not 640x480: There is no room."]
    assert bench.canvas_policy.warnings() == [
        "The video arrives as 640x480 and is recorded scaled down in 64x48: There is no room."
    ]


@pytest.mark.parametrize("part", [1, MOST_PARTS])
async def test_a_file_for_each_size_where_one_can_t_hold_both(
    catalog: Catalog, tmp_path: Path, part: int
) -> None:
    bench = Bench()
    control = await bench.over(catalog, tmp_path, cpu_limit=10)
    segments, encoding = bench.segments, bench.segments.encoding
    segments.encoding = replace(encoding, pipeline=replace(encoding.pipeline, mixed_sizes=False))
    segments.part = part
    bench.grow()
    await control.change_to(LARGE)
    if part == MOST_PARTS:
        assert (segments.part, segments.canvas, bench.splits) == (part, SMALL, 0)
        assert "1000 files" in bench.notes[0]
    else:
        assert (segments.part, segments.canvas, bench.splits) == (2, LARGE, 1)


@pytest.mark.parametrize(
    ("mixed", "canvas", "part"), [(False, LARGE, 2), (False, SMALL, 1), (True, LARGE, 1)]
)
async def test_a_new_worker_doesn_t_mix_sizes_either(
    catalog: Catalog, tmp_path: Path, mixed: bool, canvas: CanvasSize, part: int
) -> None:
    """The one before was killed between two sizes."""
    before = await segments_in(catalog, tmp_path)
    pipeline = replace(before.encoding.pipeline, mixed_sizes=mixed)
    made = tmp_path / "0001.mp4"
    await encode(pipeline, made, (SMALL.width, SMALL.height), 0, 30)
    for number, offset_s in ((1, 0.5), (2, 1.5)):
        row = segment("a", number)
        row.path, row.offset_s, row.end_s = str(tmp_path / f"000{number}.mp4"), offset_s, 2.0
        row.part = 1
        await catalog.add_segment(row)
    capture = DecodedCapture(
        FrameQueue(2**23),
        SelectionPolicy(),
        origin_ns=None,
        canvas_policy=CanvasPolicy(canvas),
        note=_ignore,
    )
    segments = await create_segments(
        before.recording,
        catalog,
        capture,
        replace(before.encoding, pipeline=pipeline),
        EncoderSpeed(),
        runtime=tmp_path,
        preview=Preview(tmp_path),
    )
    assert (segments.part, segments.canvas, segments.numbers_taken) == (part, canvas, 2)
    assert segments.part_began_s == (None if part == 2 else 0.5)
