"""Costs and room: what a recording takes, and which step fits beside those that run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.recordings.capacity import (
    ASSUMED,
    Costs,
    Fit,
    Picture,
    Place,
    Room,
    Use,
    fit,
    fitting_instead,
    how_many,
    lesson_of,
    places,
    slowest_fitting,
)

COSTS = Costs({"av1": (0.04, 0.02), "mp4": (0.01, 0.005)}, frozenset({"av1"}), scale=1.0)
"""At 720p30 1.11 and 0.55 cores, 0.28 and 0.14; and 0.16 for receiving."""


def test_a_recording_costs_its_pixels_and_receiving() -> None:
    assert pytest.approx(27.648) == ASSUMED.megapixels_per_s
    assert COSTS.receiving_cores(ASSUMED) == pytest.approx(0.05 + 27.648 * 0.004)
    assert COSTS.cores("av1", 1, ASSUMED) == pytest.approx(0.160592 + 27.648 * 0.02)
    slow = Costs(COSTS.steps, frozenset(), scale=2.0)
    assert slow.receiving_cores(ASSUMED) == 2 * COSTS.receiving_cores(ASSUMED)
    large = COSTS.cores("mp4", 0, Picture(1920, 1080, 60))
    assert large == pytest.approx(0.05 + 124.416 * (0.004 + 0.01))


@pytest.mark.parametrize(
    ("running", "pipeline", "step", "instead"),
    [
        ([], "av1", 0, "mp4"),
        ([0.5], "av1", 1, "mp4"),
        ([0.5, 0.5], "av1", None, "mp4"),
        ([0.5, 0.5], "mp4", 0, None),
        ([0.5, 0.5, 0.3], "mp4", 1, None),
        ([0.5, 0.5, 0.5], "mp4", None, None),
    ],
)
def test_the_slowest_step_that_fits(
    running: list[float], pipeline: str, step: int | None, instead: str | None
) -> None:
    room = Room(1.7, [Use("webm", cores) for cores in running])
    found = slowest_fitting(places(COSTS, room.lesson(pipeline), pipeline, ASSUMED), room)
    assert (found and found.step) == step
    others = [name for name in COSTS.steps if name != pipeline]
    if pipeline == "av1":
        fits = fitting_instead(COSTS, room, ASSUMED, others)
        assert (fits and fits[0]) == instead


@pytest.mark.parametrize(
    ("measured", "counts"),
    [(None, 1.0), (1.0, 1.0), (0.6, 0.8), (1.4, 1.4), (0.0, 0.5), (3.0, 3.0)],
)
def test_measured_use_corrects_what_was_reserved(measured: float | None, counts: float) -> None:
    assert Use("av1", 1.0, measured).cores == pytest.approx(counts)


def test_what_runs_teaches_what_the_next_one_takes() -> None:
    thought = places(COSTS, 1.0, "av1", ASSUMED)[0].cores
    room = Room(9, [Use("av1", thought, 0.5 * thought)])
    assert room.lesson("av1") == pytest.approx(0.75)
    assert places(COSTS, 0.75, "av1", ASSUMED)[0].cores == pytest.approx(0.75 * thought)
    more = Use("av1", 0.9 * thought, 1.2 * thought, listed_cores=thought)
    assert lesson_of([more]) == pytest.approx(1.2)
    assert lesson_of([replace(more, measured_cores=None)]) == pytest.approx(0.9), "learned before"
    untaught = places(COSTS, room.lesson("mp4"), "mp4", ASSUMED)[0].cores
    assert untaught == pytest.approx(COSTS.cores("mp4", 0, ASSUMED))


@pytest.mark.parametrize(
    ("needed", "given_up"),
    [
        (0.1, (0, 0, 0)),
        (0.2, (0, 1, 0)),  # whoever takes most
        (0.8, (0, 1, 0)),
        (0.9, (0, 2, 0)),  # it still takes most
        (1.2, (1, 2, 0)),
        (1.3, None),
    ],
)
def test_room_is_made_step_by_step(needed: float, given_up: tuple[int, ...] | None) -> None:
    keeps = Use("av1", 2.0)
    room = Room(4.101, [Use("av1", 0.6, faster=(0.5,)), Use("av1", 1.4, faster=(0.5, 0.4)), keeps])
    assert room.given_up(needed) == given_up
    assert room.least_cores == pytest.approx(0.3 + 0.56 + 2.0)
    place = Place(0, 0.6)
    assert how_many(place, room) == 2
    assert fit([place], room) == Fit(place, (0, 1, 0))
    assert fit([Place(0, 9.0), Place(1, 0.05)], room) == Fit(Place(1, 0.05), (0, 0, 0))


CORES = st.floats(0.01, 4)
USES = st.lists(
    st.builds(
        Use,
        st.sampled_from(["av1", "mp4"]),
        CORES,
        st.none() | CORES,
        st.sampled_from([(), (0.7,), (0.8, 0.5)]),
    )
)


@given(st.floats(0.1, 64), USES, st.sampled_from(["av1", "mp4"]))
def test_what_is_taken_in_never_exceeds_the_limit(
    limit: float, running: list[Use], pipeline: str
) -> None:
    room = Room(limit, running)
    found = fit(places(COSTS, room.lesson(pipeline), pipeline, ASSUMED), room)
    if found is not None:
        uses = zip(running, found.given_up, strict=True)
        used = sum(use.cores_at(steps) for use, steps in uses)
        assert used + found.place.cores <= limit + 1e-9
    else:
        assert how_many(places(COSTS, room.lesson(pipeline), pipeline, ASSUMED)[-1], room) == 0


@given(st.floats(0.1, 64), USES)
def test_more_room_is_never_a_faster_step(limit: float, running: list[Use]) -> None:
    def step(limit: float) -> int:
        room = Room(limit, running)
        found = slowest_fitting(places(COSTS, room.lesson("av1"), "av1", ASSUMED), room)
        return 99 if found is None else found.step

    assert step(limit + 1) <= step(limit)


@given(st.floats(0.5, 32), st.sampled_from(["av1", "mp4"]))
def test_one_after_the_other_they_fill_the_machine_and_no_more(limit: float, name: str) -> None:
    running: list[Use] = []
    while True:
        room = Room(limit, running)
        found: Place | None = slowest_fitting(places(COSTS, room.lesson(name), name, ASSUMED), room)
        if found is None:
            break
        running.append(Use(name, found.cores))
    assert sum(use.cores for use in running) <= limit + 1e-9
    assert limit - sum(use.cores for use in running) < COSTS.cores(name, 1, ASSUMED)
