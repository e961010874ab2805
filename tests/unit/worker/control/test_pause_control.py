"""What the catalog has of pauses: each with its beginning and its end, at its place in the file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.media import SECOND_NS, Stream
from orchestrator.monitor.usage import boot_id
from orchestrator.pausing import PauseMode
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.control.pause_control import PauseControl
from orchestrator.worker.time_origin import earlier_pauses, known_origin_ns
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.selection_policy import SelectionPolicy
from tests.kit.catalog.rows import recording, segment

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


class Paused:
    """A recording of a minute, and what its worker has of pauses."""

    def __init__(self, catalog: Catalog, *earlier: Pause, boot: str | None = None) -> None:
        self.row = recording(
            *("a", "room"),
            stream=asdict(Stream("room", "demo")),
            state="recording",
            started_at=AN_HOUR_AGO,
            origin_ns=time.monotonic_ns() - 60 * SECOND_NS,
            origin_boot=boot or boot_id(),
            figures={"duration_s": 40.0},
        )
        self.earlier: Sequence[Pause] = earlier
        self.table = Pauses(catalog)
        self.catalog = catalog

    async def begin(self, state: str = "recording") -> PauseControl:
        self.row.state = state
        await self.catalog.create(self.row)
        for pause in self.earlier:
            await self.table.put(pause)
        row = await self.catalog.get("a")
        self.entry = CatalogEntry(row, self.catalog)
        origin_ns = known_origin_ns(row, self.earlier)
        assert origin_ns is not None
        self.origin_ns = origin_ns
        self.capture = DecodedCapture(
            FrameQueue(2**20),
            SelectionPolicy("largest", None),
            origin_ns=self.origin_ns,
            earlier=earlier_pauses(self.earlier, self.origin_ns),
            canvas_policy=CanvasPolicy(None),
            note=print,
        )
        return PauseControl(self.entry, self.capture, asyncio.Event(), self.earlier)

    async def rows(self) -> list[Pause]:
        return await self.table.of_recording("a")


def opened(mode: str) -> Pause:
    return Pause(
        recording_id="a", number=1, mode=mode, began_at=AN_HOUR_AGO, at_s=40.0, length_s=None
    )


async def test_a_pause_that_ended_unseen_has_its_end_though_the_next_has_begun(
    catalog: Catalog,
) -> None:
    paused = Paused(catalog)
    control = await paused.begin()
    control.want("cut")
    await control._write()
    paused.capture.resume()  # as the keyframe of a copy does, between two looks
    control.want("cut")
    await control.end()
    first, second = await paused.rows()
    assert (first.number, second.number) == (1, 2)
    assert first.ended_at is not None
    assert first.length_s is not None
    assert first.began_at + timedelta(seconds=first.length_s) <= second.began_at


async def test_one_that_is_written_late_is_where_it_was(catalog: Catalog) -> None:
    paused = Paused(catalog)
    control = await paused.begin()
    spans, origin_ns = paused.capture.clock.pauses, paused.origin_ns
    for from_s, to_s in ((3, 4), (10, 12), (100, 101)):
        spans.open(PauseMode.CUT, origin_ns + from_s * SECOND_NS)
        spans.close(origin_ns + to_s * SECOND_NS)
        control.look()
    assert len(spans.recent) == 1, "the others aren't known by themselves any more"
    await control.end()
    assert [(row.at_s, row.length_s) for row in await paused.rows()] == [(3, 1), (9, 2), (97, 1)]


async def test_a_pause_in_another_mode_is_written_anew(catalog: Catalog) -> None:
    paused = Paused(catalog)
    control = await paused.begin()
    control.want("cut")
    current = paused.capture.clock.pauses.current
    assert current is not None
    current.mode = PauseMode.STILL  # packet_pause: asked for before its end had come
    control.look()
    await control._write()
    assert [row.mode for row in await paused.rows()] == ["still"]


@pytest.mark.parametrize("boot", [None, "another"])
async def test_a_still_frame_lasts_as_long_as_the_file_has_it(
    catalog: Catalog, boot: str | None
) -> None:
    paused = Paused(catalog, opened("still"), boot=boot)
    control = await paused.begin("paused")
    last = segment("a", 1)
    last.end_s = 42.5
    await catalog.add_segment(last)
    await control.end()
    (row,) = await paused.rows()
    assert (row.began_at, row.at_s, row.length_s) == (AN_HOUR_AGO, 40.0, 2.5)
    assert row.ended_at == AN_HOUR_AGO + timedelta(seconds=2.5)


async def test_a_cut_pause_of_before_a_reboot_lasts_by_the_wall_clock(catalog: Catalog) -> None:
    paused = Paused(catalog, opened("cut"), boot="another")
    control = await paused.begin("paused")
    control.want(None)
    await control.end()
    (row,) = await paused.rows()
    assert (row.began_at, row.at_s) == (AN_HOUR_AGO, 40.0)
    hour_s = (datetime.now(UTC) - AN_HOUR_AGO).total_seconds()
    assert row.length_s == pytest.approx(hour_s, abs=5)
    later = earlier_pauses([row], paused.origin_ns)
    assert later.cut_ns == pytest.approx(hour_s * SECOND_NS, abs=5 * SECOND_NS)


async def test_a_state_that_outlived_its_pause_is_put_right(catalog: Catalog) -> None:
    paused = Paused(catalog)
    control = await paused.begin("paused")
    task = asyncio.create_task(control.run())
    async with asyncio.timeout(10):
        while (await catalog.get("a")).state != "reconnecting":
            await asyncio.sleep(0.01)
    task.cancel()
    assert (await catalog.get("a")).state == "reconnecting"
