"""Who is taken in, when many ask at once; what is reserved is given back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.api.errors import answer
from orchestrator.capacity.admission import admit_recording, pinned_step
from orchestrator.capacity.cpu_budget import ASSUMED, AUDIO_ONLY, EncoderInput
from orchestrator.capacity.recording_use import encoder_input_of, use_of
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError, InvalidRequest, NoCapacity, TooManyRecordings
from orchestrator.settings import Settings
from tests.kit.capacity import MACHINE, MP4, PIPELINES, admit, cores, row, running
from tests.kit.catalog.rows import url_of


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
    decide = admit_recording(MACHINE, MP4, None, None)
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


async def test_forty_that_copy_fit_into_two_cores(several: list[Catalog]) -> None:
    """On a machine as fast as that of the shipped costs, and before any size is known."""
    steps = {name: PIPELINES[name].costs for name in PIPELINES}
    measured = replace(MACHINE, costs=replace(MACHINE.costs, steps=steps, scale=1.0))
    decide = admit_recording(measured, PIPELINES["copy"], None, None)
    rows = [row(f"{n:02}", pipeline="copy") for n in range(50)]
    asking = [several[n % len(several)].create(each, admit=decide) for n, each in enumerate(rows)]
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(outcome, NoCapacity) for outcome in refused), refused
    active = await several[0].active()
    assert len(active) == 50 - len(refused) >= 40
    assert {each.speed_step for each in active} == {0}
    # The workers have seen 640x360, and what they take: room for more.
    figures = {"video": {"width": 640, "height": 360, "codec": "vp8"}, "measured_cores": 0.02}
    for each in active:
        await several[0].update(each.id, figures=figures)
    await several[1].create(row("more", pipeline="copy"), admit=decide)


@pytest.mark.parametrize("name", sorted(PIPELINES))
async def test_twenty_rooms_with_audio_alone_all_run(several: list[Catalog], name: str) -> None:
    """Each was reserved as 720p30 before: seven were taken in, and used 0.05 cores."""
    decide = admit_recording(MACHINE, PIPELINES[name], None, None)
    rows = [row(f"{n:02}", pipeline=name, stream={"video": False}) for n in range(20)]
    asking = [several[n % len(several)].create(each, admit=decide) for n, each in enumerate(rows)]
    await asyncio.gather(*asking)
    active = await several[0].active()
    assert len(active) == 20
    assert sum(r.reserved_cores or 0 for r in active) <= MACHINE.limit_cores
    # They run: the worker says that there is a canvas, and no video in it.
    figures = {"video": {"width": 1280, "height": 720, "codec": None}, "measured_cores": 0.05}
    for each in active:
        await several[0].update(each.id, figures=figures, speed_step=each.speed_step)
    uses = [use_of(each, MACHINE.costs) for each in await several[0].active()]
    assert not any(use.video for use in uses)
    assert MACHINE.budget(await several[0].active()).correction(name) == 1.0, "nothing of videos"


def test_what_is_known_of_a_stream_decides_what_it_is_taken_for() -> None:
    sized = {"width": 640, "height": 360}
    assert encoder_input_of(row("a", stream={})) == ASSUMED
    assert encoder_input_of(row("a", stream={"video": True})) == ASSUMED
    assert encoder_input_of(row("a", stream={"video": False})) == AUDIO_ONLY
    vp8 = {"video": sized | {"codec": "VP8"}}
    assert encoder_input_of(row("a", stream={"video": False}, figures=vp8)) == EncoderInput(
        640, 360
    )
    assert encoder_input_of(row("a", figures={"video": sized})) == EncoderInput(640, 360)
    assert encoder_input_of(row("a", figures={"video": sized | {"codec": None}})) == AUDIO_ONLY


def test_audio_alone_is_refused_by_what_it_needs() -> None:
    with pytest.raises(NoCapacity) as refused:
        admit(row("b", stream={"video": False}), [row("a", reserved_cores=1.7)])
    needed = cores("mp4", 3, AUDIO_ONLY)
    assert refused.value.context["needed_cores"] == pytest.approx(needed, abs=0.001)


def test_the_refusal_tells_the_numbers_and_what_would_fit() -> None:
    used = [row("a", reserved_cores=1.7 - cores("mp4", 3) - 0.01)]
    with pytest.raises(
        NoCapacity, match="Not enough CPU for another recording with av1"
    ) as refused:
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
    large = cores("mp4", 0, EncoderInput(1920, 1080))
    use = use_of(running("a", 0, reserved_cores=large, figures=figures), MACHINE.costs)
    assert (use.reserved_cores, use.measured_cores) == (large, 0.9)
    assert use.faster[0] == pytest.approx(cores("mp4", 1, EncoderInput(1920, 1080)) / large)
    faster = use_of(running("a", 1, reserved_cores=0.5, figures=figures), MACHINE.costs)
    assert (faster.cores, len(faster.faster)) == (0.5, 2), "it was asked to go faster, and will"


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


def test_max_recordings_counts_too() -> None:
    with pytest.raises(TooManyRecordings):
        admit_recording(MACHINE, MP4, None, 1)(row("b"), [row("a")])


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
