"""Who is taken in, when many ask at once; what is reserved is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.api.errors import answer
from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline import Presets
from orchestrator.errors import HavenError, InvalidRequest, NoCapacity, TooManyRecordings
from orchestrator.recordings.admission import (
    Capacity,
    admitting,
    pinned_step,
    returning,
    settling,
    use_of,
)
from orchestrator.recordings.capacity import ASSUMED, Picture
from orchestrator.recordings.costs import costs_of
from orchestrator.settings import Settings
from tests.catalog.rows import recording, url_of

PRESETS = Presets.load(None).presets
MP4, AV1 = PRESETS["mp4"], PRESETS["av1"]
MACHINE = Capacity("m", 2.0, 1.7, costs_of(PRESETS.values(), []), None, PRESETS)


def cores(pipeline: str, step: int, picture: Picture = ASSUMED) -> float:
    return MACHINE.costs.cores(pipeline, step, picture)


def admit(
    recording: Recording, active: Sequence[Recording], pinned: int | None = None, **changes: Any
) -> Recording:
    preset = PRESETS[recording.pipeline]
    admitting(replace(MACHINE, **changes), preset, pinned, None)(recording, active)
    return recording


def row(id: str, **columns: Any) -> Recording:
    values = {"pipeline": "mp4", "figures": {}, "speed_pinned": False, "reserved_cores": None}
    return recording(id, f"room {id}", **(values | columns))


@pytest.fixture
async def several(tmp_path: Path) -> Any:
    """The same catalog, opened four times, as servers and commands do."""
    catalogs = [Catalog(url_of(tmp_path / "catalog.db")) for _ in range(4)]
    for number, catalog in enumerate(catalogs):
        await catalog.open(migrate=number == 0)
    yield catalogs
    for catalog in catalogs:
        await catalog.close()


async def test_of_twenty_at_once_just_as_many_are_taken_in_as_fit(several: list[Catalog]) -> None:
    decide = admitting(MACHINE, MP4, None, None)
    asking = [several[n % len(several)].create(row(f"{n:02}"), admit=decide) for n in range(20)]
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(outcome, NoCapacity) for outcome in refused), refused
    active = await several[0].active()
    assert len(active) == 20 - len(refused)
    reserved = sum(r.reserved_cores or 0 for r in active)
    assert reserved <= MACHINE.limit_cores
    assert MACHINE.limit_cores - reserved < cores("mp4", 3), "one more would have fitted"
    assert len(active) == int(MACHINE.limit_cores / cores("mp4", 3)), "whoever runs makes room"
    # One that fails gives its room back.
    await several[1].update(active[0].id, state="failed")
    await several[2].create(row("again"), admit=decide)


def test_the_refusal_tells_the_numbers_and_what_would_fit() -> None:
    used = [row("a", reserved_cores=1.7 - cores("mp4", 3) - 0.01)]
    with pytest.raises(NoCapacity, match="no room for another recording with av1") as refused:
        admit(row("b", pipeline="av1"), used)
    context = refused.value.context
    assert context["fits"] == {"pipeline": "mp4", "speed_step": 3}
    assert context["limit_cores"] == 1.7
    assert context["needed_cores"] == pytest.approx(cores("av1", 4), abs=0.001)
    assert context["free_cores"] == pytest.approx(cores("mp4", 3) + 0.01, abs=0.001)
    assert (context["recordings"], refused.value.status) == (1, 503)
    response = answer(refused.value)
    assert response.headers["retry-after"] == "30"
    with pytest.raises(NoCapacity) as full:
        admit(row("c", pipeline="av1"), [row("a", reserved_cores=1.7)])
    assert full.value.context["fits"] is None


def test_a_pinned_step_is_taken_or_refused_but_never_changed() -> None:
    assert admit(row("a"), [], pinned=3).speed_step == 3
    pinned = admit(row("a", pipeline="av1"), [], pinned=2)
    assert (pinned.speed_step, pinned.speed_pinned) == (2, True)
    others = [row("a", reserved_cores=1.7 - cores("av1", 3) - 0.01)]
    with pytest.raises(NoCapacity, match="av1 at speed step 3 would fit") as refused:
        admit(row("b", pipeline="av1"), others, pinned=2)
    assert refused.value.context["fits"] == {"pipeline": "av1", "speed_step": 3}
    assert admit(row("b", pipeline="av1"), others).speed_step == 3


def running(id: str, step: int, **columns: Any) -> Recording:
    """One that has reserved what its step takes."""
    values = {"speed_step": step, "reserved_cores": cores("mp4", step), "state": "recording"}
    return row(id, **(values | columns))


def test_those_that_run_make_room_for_one_that_would_not_fit() -> None:
    limit = cores("mp4", 0) + cores("mp4", 3) - 0.001
    first = running("a", 0)
    second = admit(row("b"), [first], limit_cores=limit)
    assert (first.speed_step, second.speed_step) == (1, 3)
    assert first.reserved_cores == pytest.approx(cores("mp4", 1))
    with pytest.raises(NoCapacity, match="at their fastest") as refused:
        admit(row("c"), [first, second], limit_cores=limit)
    left = limit - 2 * cores("mp4", 3)
    assert refused.value.context["could_be_free_cores"] == pytest.approx(left, abs=0.001)
    assert (first.speed_step, second.speed_step) == (1, 3), "for nothing nobody gives anything up"


@pytest.mark.parametrize(
    "columns", [{"speed_pinned": True}, {"state": "stopping"}, {"pipeline": "gone"}]
)
def test_who_can_not_go_faster_makes_no_room(columns: dict[str, Any]) -> None:
    first = running("a", 0, **columns)
    with pytest.raises(NoCapacity):
        admit(row("b"), [first], limit_cores=cores("mp4", 0) + cores("mp4", 3) - 0.001)
    assert first.speed_step == 0


def test_what_was_measured_at_another_step_does_not_count() -> None:
    figures = {"measured_cores": 0.9, "speed_step": 0, "video": {"width": 1920, "height": 1080}}
    large = cores("mp4", 0, Picture(1920, 1080))
    use = use_of(running("a", 0, reserved_cores=large, figures=figures), MACHINE.costs)
    assert (use.reserved_cores, use.measured_cores) == (large, 0.9)
    assert use.faster[0] == pytest.approx(cores("mp4", 1, Picture(1920, 1080)) / large)
    told = use_of(running("a", 1, reserved_cores=0.5, figures=figures), MACHINE.costs)
    assert (told.cores, len(told.faster)) == (0.5, 2), "it was told to go faster, and will"


@pytest.mark.parametrize(("measured", "counts"), [(0.9, 0.9), (0.3, 0.6)])
def test_one_that_fell_behind_counts_at_least_what_it_reserved(
    measured: float, counts: float
) -> None:
    figures = {"measured_cores": measured, "speed_step": 2}
    behind = running("a", 0, reserved_cores=0.6, figures=figures)
    use = use_of(behind, MACHINE.costs)
    assert use.cores == counts
    if measured > 0.6:
        last = cores("mp4", 3) / cores("mp4", 2)
        assert use.faster == pytest.approx((1, 1, last)), "it is at the third step already"
        assert use.listed_cores == pytest.approx(cores("mp4", 2))


def test_a_pinned_step_that_a_small_picture_does_not_use() -> None:
    small = Picture(640, 360)
    pinned = admit(row("a", pipeline="av1"), [], pinned=4)
    settling(MACHINE, AV1, small)(pinned, [])
    assert (pinned.speed_step, pinned.reserved_cores) == (2, cores("av1", 2, small))


def test_a_size_that_needs_more_is_made_room_for_too() -> None:
    large = Picture(1920, 1080)
    other, mine = running("a", 0), running("b", 0)
    limit = cores("mp4", 2) + cores("mp4", 3, large) + 0.001
    settling(replace(MACHINE, limit_cores=limit), MP4, large)(mine, [other])
    assert (mine.speed_step, other.speed_step) == (3, 2)
    settling(replace(MACHINE, limit_cores=0.1), MP4, large)(mine, [other])
    assert (mine.speed_step, other.speed_step) == (3, 3), "all that there is, where it isn't enough"


def test_room_that_others_leave_is_taken_again_but_never_given_by_asking() -> None:
    mine, other = running("a", 2), running("b", 0)
    limit = cores("mp4", 0) + cores("mp4", 1) + 0.001
    ask = returning(replace(MACHINE, limit_cores=limit), MP4, ASSUMED)
    ask(mine, [other])
    assert (mine.speed_step, mine.reserved_cores) == (1, cores("mp4", 1))
    ask(mine, [other, running("c", 3)])
    assert mine.speed_step == 1
    ask(mine, [])
    assert mine.speed_step == 0
    ask(mine, [])
    assert mine.speed_step == 0
    far = running("d", 3)
    returning(MACHINE, MP4, ASSUMED)(far, [])
    assert far.speed_step == 2, "one after the other, as it takes them"


def test_max_recordings_counts_too() -> None:
    with pytest.raises(TooManyRecordings):
        admitting(MACHINE, MP4, None, 1)(row("b"), [row("a")])


def test_once_the_size_is_known_it_is_decided_anew() -> None:
    large, small = Picture(1920, 1080), Picture(640, 360)
    mine = admit(row("a"), [])
    beside = [row("b", reserved_cores=1.7 - cores("mp4", 2, large) - 0.01)]
    settling(MACHINE, MP4, large)(mine, beside)
    assert mine.speed_step == 2
    assert mine.reserved_cores == pytest.approx(cores("mp4", 2, large))
    settling(MACHINE, MP4, small)(mine, [])
    assert (mine.speed_step, mine.reserved_cores) == (0, cores("mp4", 0, small))
    settling(MACHINE, MP4, large)(mine, [row("b", reserved_cores=1.7)])
    assert mine.speed_step == 3, "it was taken in already"
    assert admit(row("c", pipeline="av1"), [], pinned=4).speed_step == 4
    pinned = admit(row("c"), [], pinned=2)
    settling(MACHINE, MP4, large)(pinned, [])
    assert (pinned.speed_step, pinned.reserved_cores) == (2, cores("mp4", 2, large))


async def test_reserving_anew_sees_the_others(catalog: Catalog) -> None:
    for id in ("a", "b"):
        await catalog.create(row(id, reserved_cores=0.4))
    seen: list[str] = []

    def decide(mine: Recording, others: Sequence[Recording]) -> None:
        seen.extend(other.id for other in others)
        mine.reserved_cores = 0.9

    await catalog.reserve("a", decide)
    assert seen == ["b"]
    assert (await catalog.get("a")).reserved_cores == 0.9


def test_recordings_of_an_older_version_count_as_they_are_measured() -> None:
    assert use_of(row("a", figures={"measured_cores": 0.7}), MACHINE.costs).cores == 0.7
    assert use_of(row("a"), MACHINE.costs).cores == 0.0


@pytest.mark.parametrize(
    ("setting", "asked", "step"),
    [("auto", None, None), ("default", None, 1), (0, None, 0), ("auto", 2, 2), ("default", 3, 3)],
)
def test_request_before_setting(setting: str | int, asked: int | None, step: int | None) -> None:
    assert pinned_step(Settings.model_validate({"speed_step": setting}), MP4, asked) == step


@pytest.mark.parametrize("step", [-1, 4])
def test_a_step_that_is_not_there(step: int) -> None:
    with pytest.raises(InvalidRequest, match=f"mp4 has no speed step {step}") as refused:
        pinned_step(Settings(), MP4, step)
    error: HavenError = refused.value
    assert "faster, veryfast, superfast, ultrafast" in error.detail
