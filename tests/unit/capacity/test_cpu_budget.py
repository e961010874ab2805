"""Costs and room: what a recording takes, and which step fits beside those that run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.capacity.cpu_budget import (
    ASSUMED,
    AUDIO_ONLY,
    Costs,
    CpuBudget,
    CpuUse,
    EncoderInput,
    Fit,
    SpeedOption,
    alternative,
    correction_factor,
    find_fit,
    how_many_fit,
    slowest_option,
    speed_options,
)

COSTS = Costs({"av1": (0.04, 0.02), "mp4": (0.01, 0.005)}, frozenset({"av1"}), scale=1.0)
"""At 720p30 1.11 and 0.55 cores, 0.28 and 0.14; and 0.16 for receiving."""


def test_a_recording_costs_its_pixels_and_receiving() -> None:
    assert pytest.approx(27.648) == ASSUMED.megapixels_per_s
    assert COSTS.receiving_cores("av1", ASSUMED) == pytest.approx(0.05 + 27.648 * 0.004)
    assert COSTS.cores("av1", 1, ASSUMED) == pytest.approx(0.160592 + 27.648 * 0.02)
    slow = Costs(COSTS.steps, frozenset(), scale=2.0)
    assert slow.receiving_cores("av1", ASSUMED) == 2 * COSTS.receiving_cores("av1", ASSUMED)
    large = COSTS.cores("mp4", 0, EncoderInput(1920, 1080, 60))
    assert large == pytest.approx(0.05 + 124.416 * (0.004 + 0.01))


def test_one_that_copies_costs_its_packets() -> None:
    costs = Costs({"copy": (0.001,)}, frozenset(), scale=2.0, copying=frozenset({"copy"}))
    assert costs.cores("copy", 0, ASSUMED) == pytest.approx(2 * 0.034 + 27.648 * 0.001)
    assert costs.receiving_cores("copy", AUDIO_ONLY) == pytest.approx(2 * 0.034)


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
    budget = CpuBudget(1.7, [CpuUse("webm", cores) for cores in running])
    found = slowest_option(
        speed_options(COSTS, budget.correction(pipeline), pipeline, ASSUMED), budget
    )
    assert (found and found.step) == step
    others = [name for name in COSTS.steps if name != pipeline]
    if pipeline == "av1":
        fits = alternative(COSTS, budget, ASSUMED, others)
        assert (fits and fits[0]) == instead


@pytest.mark.parametrize(
    ("measured", "counts"),
    [(None, 1.0), (1.0, 1.0), (0.6, 0.8), (1.4, 1.4), (0.0, 0.5), (3.0, 3.0)],
)
def test_measured_use_corrects_what_was_reserved(measured: float | None, counts: float) -> None:
    assert CpuUse("av1", 1.0, measured).cores == pytest.approx(counts)


def test_what_runs_teaches_what_the_next_one_takes() -> None:
    thought = speed_options(COSTS, 1.0, "av1", ASSUMED)[0].cores
    budget = CpuBudget(9, [CpuUse("av1", thought, 0.5 * thought)])
    assert budget.correction("av1") == pytest.approx(0.75)
    assert speed_options(COSTS, 0.75, "av1", ASSUMED)[0].cores == pytest.approx(0.75 * thought)
    more = CpuUse("av1", 0.9 * thought, 1.2 * thought, listed_cores=thought)
    assert correction_factor([more]) == pytest.approx(1.2)
    assert correction_factor([replace(more, measured_cores=None)]) == pytest.approx(0.9), (
        "learned before"
    )
    untaught = speed_options(COSTS, budget.correction("mp4"), "mp4", ASSUMED)[0].cores
    assert untaught == pytest.approx(COSTS.cores("mp4", 0, ASSUMED))


@pytest.mark.parametrize(
    ("needed", "speedups"),
    [
        (0.1, (0, 0, 0)),
        (0.2, (0, 1, 0)),  # whoever takes most
        (0.8, (0, 1, 0)),
        (0.9, (0, 2, 0)),  # it still takes most
        (1.2, (1, 2, 0)),
        (1.3, None),
    ],
)
def test_room_is_made_step_by_step(needed: float, speedups: tuple[int, ...] | None) -> None:
    keeps = CpuUse("av1", 2.0)
    budget = CpuBudget(
        4.101, [CpuUse("av1", 0.6, faster=(0.5,)), CpuUse("av1", 1.4, faster=(0.5, 0.4)), keeps]
    )
    assert budget.speedups(needed) == speedups
    assert budget.least_cores == pytest.approx(0.3 + 0.56 + 2.0)
    option = SpeedOption(0, 0.6)
    assert how_many_fit(option, budget) == 2
    assert find_fit([option], budget) == Fit(option, (0, 1, 0))
    assert find_fit([SpeedOption(0, 9.0), SpeedOption(1, 0.05)], budget) == Fit(
        SpeedOption(1, 0.05), (0, 0, 0)
    )


CORES = st.floats(0.01, 4)
USES = st.lists(
    st.builds(
        CpuUse,
        st.sampled_from(["av1", "mp4"]),
        CORES,
        st.none() | CORES,
        st.sampled_from([(), (0.7,), (0.8, 0.5)]),
    )
)


@given(st.floats(0.1, 64), USES, st.sampled_from(["av1", "mp4"]))
def test_what_is_taken_in_never_exceeds_the_limit(
    limit: float, running: list[CpuUse], pipeline: str
) -> None:
    budget = CpuBudget(limit, running)
    found = find_fit(speed_options(COSTS, budget.correction(pipeline), pipeline, ASSUMED), budget)
    if found is not None:
        uses = zip(running, found.speedups, strict=True)
        used = sum(use.cores_at(steps) for use, steps in uses)
        assert used + found.option.cores <= limit + 1e-9
    else:
        assert (
            how_many_fit(
                speed_options(COSTS, budget.correction(pipeline), pipeline, ASSUMED)[-1], budget
            )
            == 0
        )


@given(st.floats(0.1, 64), USES)
def test_more_room_is_never_a_faster_step(limit: float, running: list[CpuUse]) -> None:
    def step(limit: float) -> int:
        budget = CpuBudget(limit, running)
        found = slowest_option(
            speed_options(COSTS, budget.correction("av1"), "av1", ASSUMED), budget
        )
        return 99 if found is None else found.step

    assert step(limit + 1) <= step(limit)


@given(st.floats(0.5, 32), st.sampled_from(["av1", "mp4"]))
def test_one_after_the_other_they_fill_the_machine_and_no_more(limit: float, name: str) -> None:
    running: list[CpuUse] = []
    while True:
        budget = CpuBudget(limit, running)
        found: SpeedOption | None = slowest_option(
            speed_options(COSTS, budget.correction(name), name, ASSUMED), budget
        )
        if found is None:
            break
        running.append(CpuUse(name, found.cores))
    assert sum(use.cores for use in running) <= limit + 1e-9
    assert limit - sum(use.cores for use in running) < COSTS.cores(name, 1, ASSUMED)
