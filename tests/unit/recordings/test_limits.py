"""What a recording may take: what can be asked for, and when it is ended or split."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import HavenError, InvalidRequest, OutputLost
from orchestrator.recordings.limits import MOST_PARTS, Limits, requested_limits
from orchestrator.worker import bounds
from orchestrator.worker.bounds import Bounds


def test_what_is_asked_for() -> None:
    assert requested_limits(None, 0, None, 0) == Limits()
    assert Limits().as_dict() == {}
    limits = requested_limits(90, 10**6, 0.5, 10**5)
    assert limits == Limits(90, 10**6, 30.0, 10**5)
    assert Limits.from_dict(limits.as_dict()) == limits


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("max_duration_s", (0.5, None, None, None)),
        ("max_size_bytes", (None, 5, None, None)),
        ("split_minutes", (None, None, 0.001, None)),
        ("split_bytes", (None, None, None, -1)),
        ("max_duration_s", (float("inf"), None, None, None)),
        ("max_duration_s", (float("nan"), None, None, None)),
    ],
)
def test_what_can_not_be_kept_to(field: str, values: tuple[Any, Any, Any, Any]) -> None:
    with pytest.raises(InvalidRequest, match=field) as refused:
        requested_limits(*values)
    assert refused.value.context["field"] == field


def test_the_smaller_limit_counts() -> None:
    assert Limits(max_duration_s=60).within(30, 5) == Limits(30, 5)
    assert Limits(max_duration_s=60, split_s=9).within(0, None) == Limits(60, split_s=9)


@dataclass
class World:
    """A recording as far as its bounds look at it."""

    work: Path
    limits: Limits = Limits()  # noqa: RUF009 - it can't be changed
    reserve_bytes: int = 0
    part: int = 1
    files: list[tuple[int, Path]] = field(default_factory=list)
    end_s: float = 0.0
    stops: list[str] = field(default_factory=list)
    failures: list[HavenError] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def bounds(self, *, earlier_bytes: int = 0, joins_one: bool = False) -> Bounds:
        return Bounds(
            self.limits,
            self,
            self.work,
            reserve_bytes=self.reserve_bytes,
            part_began_s=0.0,
            earlier_bytes=earlier_bytes,
            joins_one=joins_one,
            stop=self.stops.append,
            split=self.split,
            fail=self.failures.append,
        )

    def split(self, why: str) -> None:
        self.splits.append(self.end_s)
        self.reasons.append(why)
        self.part += 1

    def segment(self, name: str, size_bytes: int) -> None:
        path = self.work / name
        path.write_bytes(b"x" * size_bytes)
        if (self.part, path) not in self.files:
            self.files.append((self.part, path))


def test_the_longest_duration(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(max_duration_s=10))
    looking = world.bounds()
    world.end_s = 9.9
    looking.look()
    assert world.stops == []
    world.end_s = 10.0
    looking.look()
    assert world.stops == ["the longest duration of 10 s is reached"]


def test_splits_by_time_do_not_drift(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(split_s=10))
    looking = world.bounds()
    for tenth in range(0, 500, 3):
        world.end_s = tenth / 10
        looking.look()
    assert world.splits == pytest.approx([10, 20, 30, 40], abs=0.31)
    world.end_s = 500.0  # the machine slept
    looking.look()
    looking.look()
    assert len(world.splits) == 5


def test_nothing_is_split_while_audio_waits_for_its_place(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(split_s=2, max_duration_s=6))
    looking = world.bounds()
    for world.end_s in (2.0, 4.0, 5.5):
        looking.look(may_split=False)
    assert world.splits == []
    looking.look()
    looking.look()
    assert world.splits == [5.5]
    world.end_s = 6.0
    looking.look(may_split=False)
    assert len(world.stops) == 1, "the longest duration holds all the same"


def test_the_last_part_takes_the_rest(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(split_s=1), part=MOST_PARTS, end_s=9.0)
    world.bounds().look()
    assert world.splits == []


async def test_the_largest_size(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(max_size_bytes=1000), end_s=100.0)
    looking = world.bounds(earlier_bytes=500)
    world.segment("0001", 400)
    await looking.look_at_disk()
    assert world.stops == []
    world.segment("0001", 490)
    await looking.look_at_disk()
    assert world.stops == ["the largest size of 1000 bytes is reached"], "it still grows a little"


async def test_splits_by_size(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(split_bytes=1000), end_s=100.0)
    looking = world.bounds()
    world.segment("0001", 980)
    await looking.look_at_disk()
    assert world.splits == [100.0]
    (tmp_path / "0001").unlink()  # published
    world.segment("0002", 500)
    world.end_s = 200.0
    await looking.look_at_disk()
    assert world.splits == [100.0], "what the first part has counts no more"


async def test_no_room_left(tmp_path: Path) -> None:
    free_bytes = shutil.disk_usage(tmp_path).free
    world = World(tmp_path, reserve_bytes=free_bytes // 2)
    await world.bounds().look_at_disk()
    assert world.stops == []
    world = World(tmp_path, reserve_bytes=2 * free_bytes)
    await world.bounds().look_at_disk()
    (stop,) = world.stops
    assert f"MiB are free in {tmp_path.parent}" in stop


async def test_room_to_join_several_segments_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.segment("0001", 10)
    with (tmp_path / "0002").open("wb") as sparse:
        sparse.truncate(min(2**43, 4 * shutil.disk_usage(tmp_path).total))
    world.files.append((1, tmp_path / "0002"))
    await world.bounds().look_at_disk()
    assert world.stops, "joining needs as much again"
    world.files = world.files[1:]
    world.stops.clear()
    await world.bounds().look_at_disk()
    assert world.stops == [], "one alone is renamed"


async def test_splits_before_a_file_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "largest_file_bytes", lambda folder: 1000)
    world = World(tmp_path, end_s=100.0)
    looking = world.bounds()
    world.segment("0001", 850)
    await looking.look_at_disk()
    assert world.splits == []
    world.segment("0001", 890)
    await looking.look_at_disk()
    assert world.reasons == ["no file may be larger than 1000 bytes here"]
    assert world.stops == []
    world.part = MOST_PARTS
    world.segment("0002", 890)
    await looking.look_at_disk()
    assert world.stops == ["no file may be larger than 1000 bytes here"]


async def test_the_folder_is_gone(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    world = World(work)
    looking = world.bounds()
    await looking.look_at_disk()
    assert world.failures == []
    work.rename(tmp_path / "elsewhere")
    await looking.look_at_disk()
    (failure,) = world.failures
    assert isinstance(failure, OutputLost)
    assert str(work) in failure.error
    work.mkdir()
    await looking.look_at_disk()
    assert len(world.failures) == 2, "another folder of the same name doesn't help"


@pytest.mark.parametrize(("joins_one", "stops"), [(False, 0), (True, 1)])
async def test_a_segment_that_is_not_the_file_leaves_room_to_be_joined(
    tmp_path: Path, joins_one: bool, stops: int
) -> None:
    world = World(tmp_path)
    with (tmp_path / "0001.mkv").open("wb") as sparse:
        sparse.truncate(min(2**43, 4 * shutil.disk_usage(tmp_path).total))
    world.files.append((1, tmp_path / "0001.mkv"))
    await world.bounds(joins_one=joins_one).look_at_disk()
    assert len(world.stops) == stops
