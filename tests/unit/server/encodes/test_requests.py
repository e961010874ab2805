"""What is refused before anything is queued, and what /start asked for: real rows, real files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.catalog.encode_model import ACTIVE_ENCODES
from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.errors import (
    AlreadyEncoding,
    HavenError,
    InvalidRequest,
    NotEnoughDisk,
    RecordingNotFound,
    StillActive,
    TooManyEncodes,
)
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.encodes.states import ACTIVE
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.server.encoders import Encoders
from orchestrator.server.encodes import power
from orchestrator.server.encodes.power import PauseSwitch
from orchestrator.server.encodes.queue import EncodeQueue
from orchestrator.server.encodes.request import new_encode
from orchestrator.server.output_folders import OutputFolders
from orchestrator.server.request_check import RequestCheck
from orchestrator.settings import Settings
from tests.kit.catalog.rows import NOON, recording
from tests.kit.mediafiles.numbered import NumberedFilm, even_times


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    builtin = (Path(__file__).parents[4] / "pipelines" / "mp4.py").read_text()
    (folder / "plain.py").write_text(
        builtin[: builtin.index("def build_later")].replace("LATER", "_")
    )
    out = tmp_path / "out"
    out.mkdir()
    return Settings(
        output_directory=out,
        pipelines_directory=folder,
        disk_reserve_bytes=0,
        database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
    )


@pytest.fixture
async def encoders(settings: Settings, catalog: Catalog) -> Encoders:
    made = Encoders(settings, catalog)
    await made.load()
    return made


@pytest.fixture
async def queue(
    settings: Settings, catalog: Catalog, encoders: Encoders
) -> AsyncIterator[EncodeQueue]:
    """One in which nothing is carried out: it isn't opened."""
    made = EncodeQueue(settings, catalog, encoders)
    yield made
    await made.close()


@pytest.fixture
def table(catalog: Catalog) -> Encodes:
    return Encodes(catalog)


async def put(catalog: Catalog, path: Path, id: str = "r1", **columns: Any) -> None:
    """A recording with this file."""
    row = {"state": "completed", "ended_at": NOON, "output_path": str(path)}
    work = str(path.parent / f".{id}.haven")
    await catalog.create(recording(id, id, **(row | {"work_directory": work} | columns)))
    file = {"recording_id": id, "number": 1, "path": str(path), "offset_s": 0.0}
    await catalog.put_file(File(**file, duration_s=1.0, size_bytes=5, made_at=NOON))


async def refused(queue: EncodeQueue, id: str = "r1", **options: Any) -> HavenError:
    """Why; nothing is queued."""
    with pytest.raises(HavenError) as caught:
        await queue.add(id, EncodeOptions(**options))
    assert await queue.active() == []
    assert caught.value.detail
    return caught.value


def film(path: Path, seconds: float = 1) -> Path:
    return NumberedFilm(path, even_times(seconds)).write()


def test_the_states_of_the_index_are_those_of_the_code() -> None:
    assert set(ACTIVE_ENCODES) == ACTIVE


async def test_a_recording_that_can_not_be_encoded(
    queue: EncodeQueue, catalog: Catalog, settings: Settings
) -> None:
    assert isinstance(await refused(queue), RecordingNotFound)
    out = settings.output_directory
    await put(catalog, out / "gone.mp4")
    error = await refused(queue)
    assert isinstance(error, InvalidRequest)
    assert "gone.mp4" in error.error
    (out / "text.mp4").write_text("no film")
    await put(catalog, out / "text.mp4", "r2")
    assert isinstance(await refused(queue, "r2"), InvalidRequest)
    await put(catalog, film(out / "running.mp4"), "r3", state="recording", ended_at=None)
    assert isinstance(await refused(queue, "r3"), StillActive)
    await catalog.create(recording("r4", "r4", state="aborted", ended_at=NOON))
    assert isinstance(await refused(queue, "r4"), InvalidRequest)


async def test_options_that_can_not_be_done(
    queue: EncodeQueue, catalog: Catalog, settings: Settings
) -> None:
    await put(catalog, film(settings.output_directory / "a.mp4"))
    assert "nobody" in (await refused(queue, pipeline="nobody")).error
    error = await refused(queue, pipeline="plain")
    assert "no later profile" in error.error
    assert "av1-svt" in error.detail
    assert "CRF 52" in (await refused(queue, pipeline="mp4", crf=52)).error


async def test_a_full_disk(catalog: Catalog, settings: Settings, encoders: Encoders) -> None:
    await put(catalog, film(settings.output_directory / "a.mp4"))
    full = settings.model_copy(update={"disk_reserve_bytes": 2**60})
    assert isinstance(await refused(EncodeQueue(full, catalog, encoders)), NotEnoughDisk)


async def test_one_encode_of_a_recording_at_a_time(
    queue: EncodeQueue, catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = settings.output_directory
    await put(catalog, film(out / "a.mp4"))
    first = await queue.add("r1", EncodeOptions())
    with pytest.raises(AlreadyEncoding):
        await queue.add("r1", EncodeOptions(pipeline="mp4"))
    cancelled = await queue.cancel(first.id)
    assert (cancelled.state, cancelled.starts) == ("cancelled", 0)
    assert (await queue.cancel(first.id)).ended_at == cancelled.ended_at
    again = await queue.add("r1", EncodeOptions())
    assert [row.id for row in await queue.active()] == [again.id]
    assert await queue.counts() == {"cancelled": 1, "queued": 1}
    monkeypatch.setattr("orchestrator.catalog.encodes.MOST_ACTIVE", 1)
    await put(catalog, film(out / "b.mp4"), "r2")
    with pytest.raises(TooManyEncodes):
        await queue.add("r2", EncodeOptions())


async def test_start_is_refused_before_anything_is_recorded(
    settings: Settings, catalog: Catalog, encoders: Encoders
) -> None:
    check = RequestCheck(settings, encoders, OutputFolders(settings, catalog))
    good = StartRequest("room", output_format="mp4", encode=EncodeOptions(pipeline="mp4"))
    assert (await check.check(good)).encode == EncodeOptions(pipeline="mp4")
    for options in ({"pipeline": "nobody"}, {"pipeline": "plain"}, {"pipeline": "mp4", "crf": 60}):
        bad = StartRequest("room", output_format="mp4", encode=EncodeOptions(**options))
        with pytest.raises(InvalidRequest):
            await check.check(bad)


def test_a_request_outlives_a_row() -> None:
    asked = StartRequest("room", encode=EncodeOptions(crf=30), started_by=StartedBy.WATCH)
    assert StartRequest.from_dict(asked.as_dict()) == asked
    assert "encode" not in StartRequest("room").as_dict()


async def test_what_start_asked_for_is_queued_once_the_recording_is_completed(
    queue: EncodeQueue, table: Encodes, catalog: Catalog, settings: Settings
) -> None:
    options = EncodeOptions(pipeline="mp4", replace=True).as_dict()
    path = film(settings.output_directory / "a.mp4")
    await put(catalog, path, state="stopping", ended_at=None, encode=options)
    await put(catalog, path, "r2", state="failed", encode=options)
    assert await table.to_add() == []
    await catalog.update("r1", state="completed")
    (row,) = await table.to_add()
    assert await table.add_of_recording(new_encode(row.id, EncodeOptions.from_dict(options)))
    assert not await table.add_of_recording(new_encode(row.id, EncodeOptions()))
    assert await table.to_add() == []
    (queued,) = await queue.active()
    assert (queued.recording_id, queued.request) == ("r1", options)
    assert (await catalog.get("r1")).encode_id == queued.id


async def test_one_that_is_queued_by_hand_already_is_left_at_that(
    queue: EncodeQueue, table: Encodes, catalog: Catalog, settings: Settings
) -> None:
    """Both ask for it: the event log says what became of the second."""
    path = film(settings.output_directory / "a.mp4")
    await put(catalog, path, encode=EncodeOptions(pipeline="mp4").as_dict())
    by_hand = await queue.add("r1", EncodeOptions())
    await queue._add_due()
    assert [row.id for row in await queue.active()] == [by_hand.id]
    assert await table.to_add() == []
    (event,) = await catalog.events("r1")
    assert (event.kind, "Not encoded again" in event.message) == ("encode", True)


class Battery:
    """What psutil tells of a battery."""

    def __init__(self, *, power_plugged: bool | None) -> None:
        self.power_plugged = power_plugged


@pytest.mark.parametrize(
    ("battery", "changes", "reason"),
    [
        (None, {}, None),
        (Battery(power_plugged=True), {}, None),
        (Battery(power_plugged=None), {}, None),
        (Battery(power_plugged=False), {}, "battery"),
        (Battery(power_plugged=False), {"encode_on_battery": True}, None),
        (Battery(power_plugged=False), {"encode_queue": "paused"}, "setting"),
    ],
)
async def test_why_the_queue_is_paused(
    battery: Battery | None,
    changes: dict[str, Any],
    reason: str | None,
    settings: Settings,
    table: Encodes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    switch = PauseSwitch(settings.model_copy(update=changes), table)
    await switch.look()
    assert switch.reason == reason
    monkeypatch.delattr(psutil, "sensors_battery")
    monkeypatch.setattr(power, "LOOK_S", 0.0)
    await switch.look()
    assert switch.reason == (reason if reason == "setting" else None)


@pytest.mark.parametrize("setting", ["running", "paused"])
async def test_a_request_outweighs_the_setting(
    setting: str, settings: Settings, table: Encodes
) -> None:
    changed = settings.model_copy(update={"encode_queue": setting, "encode_on_battery": True})
    for paused, reason in ((True, "request"), (False, None)):
        await table.pause(paused=paused)
        switch = PauseSwitch(changed, table)
        await switch.look()
        assert switch.reason == reason


async def test_paused_by_another_program(queue: EncodeQueue, table: Encodes) -> None:
    assert await queue.pause(paused=True) == "request"
    await table.pause(paused=False)
    await queue._look()
    assert queue.pause_reason is None
