"""A start of what can only be copied, or is copied since there is no capacity to encode it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit, Reservation, Reservations
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import (
    InvalidRequest,
    NoCapacity,
    TooManyRecordings,
)
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.notes import notes_of
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.when_full import one_or_the_other
from tests.kit.capacity import cores
from tests.kit.catalog.rows import recording
from tests.kit.recordings.starting import PIPELINES, REQUEST, Parts, parts_in, start_of


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """An empty catalog and a machine that does nothing."""
    async with parts_in(tmp_path) as parts:
        yield parts


async def test_frames_that_are_copied(parts: Parts, tmp_path: Path) -> None:
    asked = StartRequest("room", pipeline="copy", output_format="vp9")
    row = await start_of(parts, tmp_path).start(asked)
    assert (row.pipeline, row.output_format, row.video_codec) == ("copy", "webm", "copy")
    assert (row.tracks, row.instead_of, row.speed_step) == ("selected", None, 0)
    assert row.output_path.endswith(".webm")
    assert notes_of(row) == []
    all_of_them = replace(
        asked, stream_id="room 2", output_format=None, tracks="all", encode=EncodeOptions("mp4")
    )
    row = await start_of(parts, tmp_path).start(all_of_them)
    assert (row.output_format, row.tracks) == ("mkv", "all")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"pipeline": "mp4", "tracks": "all"}, "Pipeline mp4 encodes one video and all audio"),
        ({"pipeline": "mp4", "tracks": "selected"}, "it has no other tracks"),
        ({"pipeline": "copy", "tracks": "video"}, "Unknown tracks: 'video'"),
        ({"pipeline": "copy", "tracks": "all", "output_format": "mp4"}, "don't fit into mp4"),
        ({"pipeline": "copy", "output_format": "av1"}, "copy makes mkv or webm or mp4, not av1"),
        ({"pipeline": "copy", "encode": EncodeOptions("copy")}, "it can't encode a file"),
        (
            {"pipeline": "copy", "tracks": "all", "encode": EncodeOptions("mp4", replace=True)},
            "of its videos only one is encoded",
        ),
    ],
)
async def test_tracks_and_containers_that_cant_be_had(
    parts: Parts, tmp_path: Path, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await start_of(parts, tmp_path).start(StartRequest("room", **asked))
    assert words in refused.value.error
    assert refused.value.detail
    assert await parts.catalog.active() == []


NO_ROOM = cores("mp4", 2) - 0.01


async def test_what_cant_be_encoded_now_is_copied_and_encoded_later(
    parts: Parts, tmp_path: Path
) -> None:
    parts.limit_cores = NO_ROOM
    row = await start_of(parts, tmp_path, when_full="copy").start(REQUEST)
    assert (row.pipeline, row.output_format, row.instead_of) == ("copy", "mkv", "mp4")
    assert (row.tracks, row.video_codec, row.audio_codec) == ("selected", "copy", "copy")
    assert Path(row.output_path).suffix == ".mkv"
    assert Path(row.work_directory).name == f".{Path(row.output_path).stem}.mp4.haven"
    assert row.encode == EncodeOptions("mp4", "high", replace=True).as_dict()
    assert (row.speed_step, row.speed_pinned) == (0, False)
    assert row.reserved_cores == pytest.approx(cores("copy", 0))
    (event,) = [e for e in await parts.catalog.events(row.id) if e.kind == "copied"]
    assert event.message == notes_of(row)[0]
    assert "no capacity to encode with mp4" in event.message
    assert "encoded with mp4 when it has ended" in event.message


async def test_what_the_request_says_of_encoding_is_kept(parts: Parts, tmp_path: Path) -> None:
    parts.limit_cores, own = NO_ROOM, EncodeOptions("av1", "low")
    start = start_of(parts, tmp_path, when_full="copy").start
    row = await start(replace(REQUEST, encode=own))
    assert row.encode == own.as_dict()
    assert "encoded with av1 when it has ended" in notes_of(row)[0]


async def test_as_asked_while_there_is_capacity(parts: Parts, tmp_path: Path) -> None:
    row = await start_of(parts, tmp_path, when_full="copy").start(REQUEST)
    assert (row.pipeline, row.instead_of, row.tracks, row.encode) == ("mp4", None, None, None)
    assert Path(row.output_path).suffix == ".mp4"
    assert await parts.catalog.events(row.id) == []


async def test_without_capacity_even_to_copy_it_is_refused(parts: Parts, tmp_path: Path) -> None:
    parts.limit_cores = 0.01
    with pytest.raises(NoCapacity, match="for another recording with mp4"):
        await start_of(parts, tmp_path, when_full="copy").start(REQUEST)
    assert not list(tmp_path.glob(".*.haven"))


async def test_who_is_refused_is_told_how_not_to_be(parts: Parts, tmp_path: Path) -> None:
    parts.limit_cores = 0.15
    with pytest.raises(NoCapacity) as refused:
        await start_of(parts, tmp_path).start(REQUEST)
    assert refused.value.context["fits"]["pipeline"] == "copy"
    assert "ORCHESTRATOR_WHEN_FULL=copy" in refused.value.detail


async def test_too_many_are_refused_all_the_same(parts: Parts, tmp_path: Path) -> None:
    start = start_of(parts, tmp_path, when_full="copy", max_recordings=1).start
    await start(REQUEST)
    with pytest.raises(TooManyRecordings):
        await start(replace(REQUEST, stream_id="room 2"))


async def test_of_several_at_once_just_one_gets_the_last_cores(
    parts: Parts, tmp_path: Path
) -> None:
    parts.limit_cores = cores("mp4", 2) + 3.5 * cores("copy", 0)
    start = start_of(parts, tmp_path, when_full="copy").start
    asking = [start(replace(REQUEST, stream_id=f"room {n}")) for n in range(5)]
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    rows = [row for row in outcomes if isinstance(row, Recording)]
    assert sorted(row.pipeline for row in rows) == ["copy", "copy", "copy", "mp4"]
    (refused,) = [error for error in outcomes if not isinstance(error, Recording)]
    assert isinstance(refused, NoCapacity)
    assert sum(row.reserved_cores or 0.0 for row in rows) <= parts.limit_cores


async def test_a_pipeline_without_a_later_profile_is_copied_for_good(
    parts: Parts, tmp_path: Path
) -> None:
    mine = replace(PIPELINES.get("mp4"), later=None)
    parts.pipelines = Pipelines({**PIPELINES.by_name, "mp4": mine})
    parts.limit_cores = NO_ROOM
    row = await start_of(parts, tmp_path, when_full="copy").start(REQUEST)
    assert (row.pipeline, row.instead_of, row.encode) == ("copy", "mp4", None)
    assert "stays so, as mp4 has no later profile" in notes_of(row)[0]


async def test_without_a_pipeline_that_copies_it_is_refused(parts: Parts, tmp_path: Path) -> None:
    others = {name: one for name, one in PIPELINES.by_name.items() if name != "copy"}
    parts.pipelines = Pipelines(others)
    parts.limit_cores = NO_ROOM
    with pytest.raises(NoCapacity):
        await start_of(parts, tmp_path, when_full="copy").start(REQUEST)


def admitting(up_to: int, cores: float) -> Admit:
    """Admits while so many others are active."""

    def admit(row: Recording, active: Sequence[Recording]) -> Reservations:
        if len(active) > up_to:
            raise NoCapacity(f"{cores} cores are too many.")
        return Reservations(Reservation(0, cores, False))

    return admit


DECIDE = one_or_the_other(
    (admitting(1, 0.7), {"pipeline": "av1", "instead_of": None}),
    (admitting(2, 0.1), {"pipeline": "copy", "instead_of": "av1"}),
)


def others(count: int) -> list[Recording]:
    return [recording(str(n), f"room {n}") for n in range(count)]


def test_the_last_decision_holds() -> None:
    row = recording("new")
    for running, pipeline, instead_of, takes in [
        (2, "copy", "av1", 0.1),
        (1, "av1", None, 0.7),
        (2, "copy", "av1", 0.1),
    ]:
        decided = DECIDE(row, others(running))
        assert decided is not None
        assert decided.own.cores == takes
        assert (row.pipeline, row.instead_of) == (pipeline, instead_of)


def test_if_neither_fits_what_was_asked_for_is_refused() -> None:
    row = recording("new")
    with pytest.raises(NoCapacity, match=r"0\.7 cores") as refused:
        DECIDE(row, others(3))
    assert refused.value.__cause__ is None
