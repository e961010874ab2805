"""Pushes whose connection breaks at the end, and of segments that can't be read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.errors import PushFailed
from orchestrator.fragments.reader import FragmentReader
from orchestrator.pipes.fifo import Fifo
from orchestrator.recordings.output_states import OutputState
from orchestrator.settings import Settings
from orchestrator.worker.outputs.push.connecting import Connecting
from orchestrator.worker.outputs.push.feed import Feed
from orchestrator.worker.outputs.push.figures import PushFigures
from orchestrator.worker.outputs.push.pacing import Pacing
from orchestrator.worker.outputs.push.push import Push
from orchestrator.worker.outputs.push.segment_follower import Piece, SegmentFollower
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from tests.kit.pushes.growing import Growing, pushed
from tests.kit.recordings.images import segment_of_gray

URL = "rtmp://127.0.0.1:9/app/key"
GARBAGE = Piece(b"\0" * 64, b"\1" * 64, "mp4", 0.0, 0.0, 1.0, True)


@pytest.fixture
def segments(tmp_path: Path) -> Growing:
    """Three that have ended, of four fragments each; nothing grows."""
    made = Growing(tmp_path)
    for number in (1, 2, 3):
        path = tmp_path / f"{number:04d}.mp4"
        write_position(path, SegmentPosition(4.0 * (number - 1), 1))
        segment_of_gray(path, [40, 80])
        made.files.append((1, path))
    return made


def times(follower: SegmentFollower) -> list[float]:
    """When each piece begins."""
    found = []
    while (piece := follower.next()) is not None:
        found.append(round(piece.begin_s, 3))
    follower.close()
    return found


def follower_of(segments: Growing) -> SegmentFollower:
    return SegmentFollower(lambda: segments, "mp4")  # type: ignore[arg-type, return-value]


def overwrite(path: Path, at: int, length: int) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + length] = b"\1" * length
    path.write_bytes(data)


@pytest.mark.parametrize("beginning", [True, False])
def test_behind_a_damaged_segment_the_next_one_goes_on(segments: Growing, beginning: bool) -> None:
    path = segments.files[1][1]
    at = 0 if beginning else FragmentReader(path, "mp4").poll()[1].offset
    overwrite(path, at, 4096 if beginning else 16)
    before = [0.0, 1.0, 2.0, 3.0] + ([] if beginning else [4.0])
    assert times(follower_of(segments)) == [*before, 8.0, 9.0, 10.0, 11.0]


def test_a_fragment_that_is_gone_costs_itself(
    segments: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FragmentReader.read

    def faulty(reader: FragmentReader, fragment: Any) -> bytes:
        if fragment.number == 3:
            raise OSError("I/O error")
        return read(reader, fragment)

    monkeypatch.setattr(FragmentReader, "read", faulty)
    found = times(follower_of(segments))
    assert found == [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0]


async def test_a_connection_that_broke_at_the_end_is_no_success(
    segments: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(made: Push, piece: Piece) -> None:
        await made._output.change(OutputState.ACTIVE, error=None)
        made._output.recorded.set()
        raise PushFailed("The server closed the connection.")

    monkeypatch.setattr(Push, "_connected", broken)
    async with pushed(segments, URL, Settings(allow_private_targets=True)) as running:
        await running.task
    assert running.rows.states == ["active", "failed"]
    assert running.rows.row["error"] == "The server closed the connection."


async def test_one_that_is_added_at_the_end_says_why_nothing_was_sent(segments: Growing) -> None:
    async with pushed(segments, URL, Settings(allow_private_targets=True)) as running:
        await running.end()
    assert running.rows.states == ["failed"]
    assert "ended before the push to rtmp://127.0.0.1:9/app/*** began" in running.rows.row["error"]


async def test_of_a_killed_worker_it_is_not_sent_until_it_is_again(segments: Growing) -> None:
    before = {"bytes": 5000, "reconnects": 2, "skips": 1, "skipped_s": 4.5, "undecodable": 3}
    async with pushed(
        segments, URL, Settings(), state=OutputState.ACTIVE, figures=before
    ) as running:
        await running.end()
    assert running.rows.states == ["retrying", "failed"], "nothing was sent since"
    assert "worker ended" in running.rows.row["error"]
    assert running.rows.row["figures"].items() >= before.items()


def test_what_can_not_be_decoded_is_counted_over_connections_and_workers() -> None:
    figures = PushFigures.after({"undecodable": 3}, active=True)
    figures.mixed(2)
    figures.disconnected()
    figures.mixed(1)
    assert figures.as_dict()["undecodable"] == 6


async def test_what_no_connection_can_begin_with_is_passed_over(
    segments: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces, begun = [GARBAGE], []
    connection, next_piece = Connecting.make, Push._piece

    async def piece(made: Push) -> Piece | None:
        if made._follower is None and (found := await next_piece(made)) is not None:
            pieces[:] = [found, GARBAGE, GARBAGE]
        return pieces.pop() if pieces else None

    async def begin(made: Connecting, piece: Piece, follower: SegmentFollower) -> Any:
        await connection(made, piece, follower)
        begun.append(piece.begin_s)
        made._output.recorded.set()
        raise PushFailed("Enough.")

    monkeypatch.setattr(Push, "_piece", piece)
    monkeypatch.setattr(Connecting, "make", begin)
    async with pushed(segments, URL, Settings(allow_private_targets=True)) as running:
        await running.task
    assert running.rows.row["error"] == "Enough."
    assert len(begun) == 1


class Pipe:
    """Takes everything."""

    taken = 0

    def open(self, _: float) -> None: ...

    def write(self, data: bytes) -> None:
        self.taken += len(data)

    def close(self) -> None: ...


def test_a_feed_passes_over_what_it_cannot_read(segments: Growing) -> None:
    pipe: Any = Pipe()
    feed = Feed(pipe, follower_of(segments), GARBAGE)
    feed.finish()
    assert feed.run() == "recorded"
    assert feed.sent_to_s == pytest.approx(11.9)
    assert pipe.taken > 1000


def test_the_end_is_not_waited_for(segments: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = threading.Event()

    def late(*_: object) -> float:
        waits.set()
        return 30.0

    monkeypatch.setattr(Pacing, "wait_s", late)
    pipe, follower = cast(Fifo, Pipe()), follower_of(segments)
    first = follower.next()
    assert first is not None
    feed = Feed(pipe, follower, first)
    with ThreadPoolExecutor(1) as thread:
        feeding = thread.submit(feed.run)
        assert waits.wait(10)
        feed.finish()
        assert feeding.result(10) == "recorded"
