"""Measured costs, and what stands for those that weren't."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.capacity.costs import CAUTION, costs_of
from orchestrator.catalog.costs.model import Cost
from orchestrator.encoding.pipeline.command import Pipelines

PIPELINES = Pipelines.load(None).by_name
MP4 = PIPELINES["mp4"]


def rows(factor: float, words: tuple[str, ...] = MP4.speeds) -> list[Cost]:
    """As if each step of mp4 had cost so many times what is shipped."""
    shipped = dict(zip(MP4.speeds, MP4.costs, strict=True))
    return [
        Cost(
            machine="m",
            pipeline="mp4",
            step=word,
            pipeline_digest=MP4.digest,
            cpu_s_per_megapixel=factor * shipped.get(word, 1),
            measured_at=datetime.now(UTC),
        )
        for word in words
    ]


def test_a_machine_that_was_not_measured_is_thought_slower() -> None:
    costs = costs_of(PIPELINES.values(), [])
    assert costs.measured == frozenset()
    assert costs.scale == CAUTION
    assert costs.steps["mp4"] == pytest.approx([CAUTION * cost for cost in MP4.costs])


def test_what_was_measured_of_one_tells_of_the_others() -> None:
    costs = costs_of(PIPELINES.values(), rows(0.5))
    assert costs.measured == {"mp4"}
    assert costs.scale == pytest.approx(0.5)
    assert costs.steps["av1"] == pytest.approx([0.5 * cost for cost in PIPELINES["av1"].costs])


def test_a_pipeline_with_a_step_missing_is_not_measured() -> None:
    known = rows(2.0, (*MP4.speeds[1:], "a step that is no more"))
    costs = costs_of(PIPELINES.values(), known)
    assert costs.measured == frozenset()
    assert costs.steps["mp4"] == pytest.approx([2 * cost for cost in MP4.costs])


def test_a_pipeline_that_was_edited_is_not_measured() -> None:
    costs = costs_of([replace(MP4, digest="another")], rows(0.5))
    assert (costs.measured, costs.scale) == (frozenset(), CAUTION)


def test_noise_never_makes_a_faster_step_dearer() -> None:
    known = rows(1.0)
    known[-1].cpu_s_per_megapixel = 9.0
    steps = costs_of(PIPELINES.values(), known).steps["mp4"]
    assert steps[-1] == steps[-2]


@pytest.mark.parametrize("name", sorted(PIPELINES))
def test_shipped_costs_fall_from_step_to_step(name: str) -> None:
    pipeline = PIPELINES[name]
    assert len(pipeline.shipped) == len(pipeline.speeds)
    assert list(pipeline.shipped) == sorted(set(pipeline.shipped), reverse=True)
