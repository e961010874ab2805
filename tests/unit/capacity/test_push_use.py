"""What pushes that encode take of the CPU, and whether one more fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.capacity.admission import Capacity
from orchestrator.capacity.costs import costs_of
from orchestrator.capacity.cpu_budget import ASSUMED
from orchestrator.capacity.push_use import (
    check_push_fits,
    encodes_video,
    push_cores,
    release,
    reserve_push,
    with_pushes,
)
from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Reservation, Reservations
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import NoCapacity
from orchestrator.pushing.address import Kind

PIPELINES = Pipelines.load(None).by_name


def capacity(limit_cores: float) -> Capacity:
    """A machine with the shipped costs."""
    return Capacity("m", 4.0, limit_cores, costs_of(PIPELINES.values(), []), None, PIPELINES)


def recording(id: str = "a", **columns: Any) -> Recording:
    """One that runs, with 0.5 cores."""
    given = {
        "reserved_cores": 0.5,
        "outputs_cores": 0.0,
        "speed_pinned": True,
        "speed_step": 1,
        "video_codec": "libvpx-vp9",
    }
    return Recording(
        id=id,
        stream_id=id,
        stream={},
        state="recording",
        pipeline="webm",
        figures={},
        created_at=datetime.now(UTC),
        **given | columns,
    )


@pytest.mark.parametrize(
    ("codec", "kind", "encodes"),
    [
        ("libx264", "rtmp", False),
        ("h264_nvenc", "rtmp", False),
        ("libx264", "whip", False),
        ("libx265", "srt", False),
        ("libx265", "rtmp", True),
        ("libvpx-vp9", "srt", True),
        ("libsvtav1", "whip", True),
        ("copy", "rtmp", False),
        (None, "rtmp", False),
    ],
)
def test_an_encoder_is_needed_for_what_the_other_side_does_not_take(
    codec: str | None, kind: Kind, encodes: bool
) -> None:
    assert encodes_video(codec, kind) is encodes


def test_it_reserves_what_a_recording_with_mp4_would_and_gives_it_back() -> None:
    machine, row = capacity(4.0), recording()
    needed = push_cores(machine, ASSUMED)
    assert needed == pytest.approx(machine.costs.cores("mp4", 1, ASSUMED))
    decided = reserve_push(machine, ASSUMED)(row, [])
    assert decided is not None
    decided.write_to(row, [])
    assert (row.outputs_cores, row.reserved_cores, row.speed_step) == (needed, 0.5, 1)
    assert machine.budget([row]).free_cores == pytest.approx(4.0 - 0.5 - needed)
    given_back = release(needed)(row, [])
    assert given_back is not None
    given_back.write_to(row, [])
    assert row.outputs_cores == 0


def test_one_that_does_not_fit_is_refused_and_says_what_would() -> None:
    machine = capacity(0.6)
    with pytest.raises(NoCapacity) as refused:
        reserve_push(machine, ASSUMED)(recording(), [])
    assert refused.value.context["fits"] == {"pipeline": "mp4", "speed_step": 1}
    with pytest.raises(NoCapacity):
        check_push_fits(machine, recording(), [recording()])
    check_push_fits(capacity(4.0), recording(), [recording()])


def test_others_go_faster_for_it() -> None:
    machine, other = capacity(1.5), recording("b", speed_pinned=False, speed_step=0)
    decided = reserve_push(machine, ASSUMED)(recording(), [other])
    assert decided is not None
    assert decided.others["b"].speed_step is not None
    assert decided.others["b"].speed_step > 0


def test_a_start_is_refused_where_only_its_push_does_not_fit() -> None:
    decided = Reservations(Reservation(1, 0.5, pinned=False))

    def admit(*_: object) -> Reservations:
        return decided

    row = recording()
    assert with_pushes(admit, capacity(4.0), ["rtmp"])(row, []) is decided
    with pytest.raises(NoCapacity, match="a push that encodes"):
        with_pushes(admit, capacity(0.6), ["rtmp"])(row, [])
    taken = recording(video_codec="libx264")
    assert with_pushes(admit, capacity(0.6), ["rtmp"])(taken, []) is decided
