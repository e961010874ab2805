"""What a recording has reserved: decided anew when its size is known or others leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.capacity.admission import (
    reserve_known_size,
    reserve_larger_size,
    reserve_slower_step,
)
from orchestrator.capacity.cpu_budget import ASSUMED, EncoderInput
from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Reservation, Reservations
from orchestrator.catalog.store import Catalog
from orchestrator.errors import NoCapacity
from tests.kit.capacity import AV1, MACHINE, MP4, admit, cores, decide, row, running


def test_a_pinned_step_that_a_small_frame_does_not_use() -> None:
    small = EncoderInput(640, 360)
    pinned = admit(row("a", pipeline="av1"), [], pinned=4)
    decide(reserve_known_size(MACHINE, AV1, small), pinned, [])
    assert (pinned.speed_step, pinned.reserved_cores) == (2, cores("av1", 2, small))


def test_a_size_that_needs_more_is_made_room_for_too() -> None:
    large = EncoderInput(1920, 1080)
    other, mine = running("a", 0), running("b", 0)
    limit = cores("mp4", 2) + cores("mp4", 3, large) + 0.001
    decide(reserve_known_size(replace(MACHINE, limit_cores=limit), MP4, large), mine, [other])
    assert (mine.speed_step, other.speed_step) == (3, 2)
    decide(reserve_known_size(replace(MACHINE, limit_cores=0.1), MP4, large), mine, [other])
    assert (mine.speed_step, other.speed_step) == (3, 3), "all that there is, where it isn't enough"


def test_room_that_others_leave_is_taken_again_but_never_given_by_asking() -> None:
    mine, other = running("a", 2), running("b", 0)
    limit = cores("mp4", 0) + cores("mp4", 1) + 0.001
    ask = reserve_slower_step(replace(MACHINE, limit_cores=limit), MP4, ASSUMED)
    decide(ask, mine, [other])
    assert (mine.speed_step, mine.reserved_cores) == (1, cores("mp4", 1))
    decide(ask, mine, [other, running("c", 3)])
    assert mine.speed_step == 1
    decide(ask, mine, [])
    assert mine.speed_step == 0
    decide(ask, mine, [])
    assert mine.speed_step == 0
    far = running("d", 3)
    decide(reserve_slower_step(MACHINE, MP4, ASSUMED), far, [])
    assert far.speed_step == 2, "one after the other, as it takes them"


def test_once_the_size_is_known_it_is_decided_anew() -> None:
    large, small = EncoderInput(1920, 1080), EncoderInput(640, 360)
    mine = admit(row("a"), [])
    beside = [row("b", reserved_cores=1.7 - cores("mp4", 2, large) - 0.01)]
    decide(reserve_known_size(MACHINE, MP4, large), mine, beside)
    assert mine.speed_step == 2
    assert mine.reserved_cores == pytest.approx(cores("mp4", 2, large))
    decide(reserve_known_size(MACHINE, MP4, small), mine, [])
    assert (mine.speed_step, mine.reserved_cores) == (0, cores("mp4", 0, small))
    decide(reserve_known_size(MACHINE, MP4, large), mine, [row("b", reserved_cores=1.7)])
    assert mine.speed_step == 3, "it was taken in already"
    assert admit(row("c", pipeline="av1"), [], pinned=4).speed_step == 4
    pinned = admit(row("c"), [], pinned=2)
    decide(reserve_known_size(MACHINE, MP4, large), pinned, [])
    assert (pinned.speed_step, pinned.reserved_cores) == (2, cores("mp4", 2, large))


def test_a_larger_size_is_refused_where_there_is_no_room() -> None:
    large, small = EncoderInput(1920, 1080), EncoderInput(640, 360)
    mine = admit(row("a"), [])
    before = (mine.speed_step, mine.reserved_cores)
    full = [row("b", reserved_cores=1.7)]
    with pytest.raises(NoCapacity):
        decide(reserve_larger_size(MACHINE, MP4, large), mine, full)
    assert (mine.speed_step, mine.reserved_cores) == before
    decide(reserve_larger_size(MACHINE, MP4, small), mine, full)
    assert mine.reserved_cores == cores("mp4", 3, small), "it takes less than before"
    decide(reserve_larger_size(MACHINE, MP4, large), mine, [])
    assert (mine.speed_step, mine.reserved_cores) == (0, cores("mp4", 0, large))


async def test_reserving_anew_sees_the_others(catalog: Catalog) -> None:
    for id in ("a", "b"):
        await catalog.create(row(id, reserved_cores=0.4))
    seen: list[str] = []

    def reserve(mine: Recording, others: Sequence[Recording]) -> Reservations:
        seen.extend(other.id for other in others)
        faster = {"b": Reservation(3, 0.1, pinned=True)}
        return Reservations(Reservation(2, 0.9, pinned=False), faster)

    assert await catalog.reserve("a", reserve) == Reservation(2, 0.9, pinned=False)
    assert seen == ["b"]
    assert (await catalog.get("a")).reserved_cores == 0.9
    assert Reservation.of(await catalog.get("b")) == Reservation(3, 0.1, pinned=True)
    assert await catalog.reserve("a", lambda *_: None) == Reservation(2, 0.9, pinned=False)
