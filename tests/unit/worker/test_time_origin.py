"""Nothing of a recording's time hangs on the wall clock, which an NTP server or a user may set."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

import orchestrator
from orchestrator.catalog.store import Catalog
from orchestrator.media import SECOND_NS, Stream
from orchestrator.monitor.usage import boot_id
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.recordings.states import RecordingState
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing.unlisted_segments import list_segments
from orchestrator.worker.segments.segment_positions import (
    SegmentPosition,
    read_position,
    write_position,
)
from orchestrator.worker.time_origin import TimeOrigin, known_origin_ns
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.selection_policy import SelectionPolicy
from tests.kit.catalog.rows import NOON, recording, url_of
from tests.unit.mediafiles.test_probe import make

PACKAGE = Path(orchestrator.__file__).parent

READ_BY_PEOPLE = {
    "origin.py: _on_the_wall": "when it began, as people read it",
    "signalling.py: _ping": "LiveKit's protocol has wall times",
    "watches.py: again_at": "when it is tried next, as people read it",
    "preview_files.py: is_newer": "a file's time is the wall clock's; a step costs one preview",
    "runs.py: _size": "a file's time is the wall clock's; a step lists a killed segment sooner",
    "socket_batches.py: _read": "the kernel's times are the wall clock's; a step moves none out",
    "retention.py: _look": "recordings of so many days of the calendar",
}
"""Where wall times may be calculated with, and why."""


def wall_clock_sums(path: Path) -> Iterator[str]:
    """Functions that add, subtract or compare what they have from the wall clock."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        wall = {
            target.id
            for each in ast.walk(node)
            if isinstance(each, ast.Assign) and _is_wall(each.value, set())
            for target in each.targets
            if isinstance(target, ast.Name)
        }
        for each in ast.walk(node):
            operands = (
                [each.left, each.right]
                if isinstance(each, ast.BinOp)
                else [each.left, *each.comparators]
                if isinstance(each, ast.Compare)
                else []
            )
            if any(_is_wall(operand, wall) for operand in operands):
                yield f"{path.name}: {node.name}"


def _is_wall(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in ("int", "round", "float"):
            return any(_is_wall(argument, names) for argument in node.args)
        return called in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow")
    return isinstance(node, ast.Name) and node.id in names


def test_no_duration_is_calculated_from_the_wall_clock() -> None:
    layers = ("recordings", "pipes", "sources", "encoding", "monitor")
    files = [path for layer in layers for path in (PACKAGE / layer).rglob("*.py")]
    found = {place for path in files for place in wall_clock_sums(path)}
    assert found <= READ_BY_PEOPLE.keys()


def test_such_a_calculation_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        "def gone(since):\n    now = datetime.now(UTC)\n    return (now - since).total_seconds()\n"
        "def late(then):\n    return time.time() > then\n"
        "def fine(then):\n    return time.monotonic() - then\n"
    )
    assert sorted(wall_clock_sums(tmp_path / "bad.py")) == ["bad.py: gone", "bad.py: late"]


@pytest.mark.parametrize("stepped", [timedelta(hours=-1), timedelta(0), timedelta(seconds=30)])
def test_a_new_worker_counts_from_the_same_zero(stepped: timedelta) -> None:
    row = recording("a", origin_ns=123, origin_boot=boot_id(), started_at=NOON + stepped)
    assert known_origin_ns(row) == 123


def test_a_recording_without_a_zero() -> None:
    assert known_origin_ns(recording("a")) is None
    # Its worker was of a version that wrote none, or the machine was switched off since.
    for boot in (None, "another"):
        row = recording("a", started_at=NOON, figures={"duration_s": 60.0})
        row.origin_ns, row.origin_boot = 123 if boot else None, boot
        found_ns = known_origin_ns(row)
        assert found_ns is not None
        assert 61 <= (time.monotonic_ns() - found_ns) / SECOND_NS < 62, "behind what it had"


async def test_zero_is_written_when_it_is_known_and_when_it_moves(tmp_path: Path) -> None:
    catalog = Catalog(url_of(tmp_path / "catalog.db"))
    await catalog.open(migrate=True)
    row = recording("a", stream=asdict(Stream("room", "demo")))
    await catalog.create(row)
    queue = FrameQueue(2**20)
    capture = DecodedCapture(
        queue,
        SelectionPolicy("largest", None),
        origin_ns=7,
        canvas_policy=CanvasPolicy(None),
        note=print,
    )
    origin = TimeOrigin(CatalogEntry(row, catalog), capture)
    await origin.follow()
    assert (await catalog.get("a")).origin_ns is None, "it has not begun"
    await origin.begin()
    begun = await catalog.get("a")
    assert (begun.state, begun.origin_ns) == (RecordingState.RECORDING, 7)
    assert begun.origin_boot == boot_id()
    assert begun.started_at is not None
    capture.timeline.origin_ns = 7 + 2 * SECOND_NS
    await origin.follow()
    moved = await catalog.get("a")
    assert moved.origin_ns == 7 + 2 * SECOND_NS
    assert moved.started_at is not None
    by_s = (moved.started_at - begun.started_at).total_seconds()
    assert by_s == pytest.approx(2, abs=0.5), "when it began moves with zero"
    later = TimeOrigin(CatalogEntry(moved, catalog), capture)
    await later.begin()
    capture.timeline.origin_ns = 9
    await later.follow()
    assert (await catalog.get("a")).started_at == moved.started_at, "another worker wrote that"
    await catalog.close()


@pytest.mark.parametrize("stepped_s", [-3600, 30, 3600])
async def test_a_segment_that_nobody_listed_stands_where_it_was_recorded(
    tmp_path: Path, stepped_s: int
) -> None:
    catalog = Catalog(url_of(tmp_path / "catalog.db"))
    await catalog.open(migrate=True)
    work = tmp_path / "work"
    work.mkdir()
    stream = asdict(Stream("room", "demo"))
    await catalog.create(recording("a", stream=stream, work_directory=str(work), started_at=NOON))
    for number, place in ((1, SegmentPosition(0.0, 1)), (2, SegmentPosition(7.5, 2)), (3, None)):
        path = make(work / f"{number:04d}.mp4", "mp4", "mpeg4", "aac")
        os.utime(path, (time.time() + stepped_s,) * 2)
        if place is not None:
            write_position(path, place)
    await list_segments(CatalogEntry(await catalog.get("a"), catalog), ".mp4")
    rows = await catalog.segments("a")
    assert [(row.part, row.offset_s) for row in rows[:2]] == [(1, 0.0), (2, 7.5)]
    assert (rows[2].part, rows[2].offset_s) == (2, rows[1].end_s), "where nothing says, behind"
    await catalog.close()


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", '{"offset_s": "x", "part": 1}', '{"offset_s": NaN, "part": 1}']
)
def test_a_damaged_place_is_none(tmp_path: Path, damaged: str) -> None:
    segment = tmp_path / "0001.mp4"
    (tmp_path / "0001.place").write_text(damaged)
    assert read_position(segment) is None


def test_a_disk_that_takes_no_place_ends_nothing(tmp_path: Path) -> None:
    write_position(tmp_path / "gone" / "0001.mp4", SegmentPosition(1.0, 1))
    assert read_position(tmp_path / "gone" / "0001.mp4") is None
