"""Transactions on real files: turns, callers that are cancelled, the end."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from orchestrator.catalog import database, database_threads
from orchestrator.catalog.database_threads import READERS, Transactions
from orchestrator.catalog.models import Preference
from orchestrator.errors import Unavailable
from tests.kit.catalog.programs import python
from tests.kit.catalog.rows import url_of

PATIENCE_S = 30.0


class Gate:
    """Holds a thread until the test opens it."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def hold(self) -> None:
        self._reached.set()
        assert self._opened.wait(PATIENCE_S)

    async def wait_until_reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, PATIENCE_S)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Transactions]:
    path = tmp_path / "catalog.db"
    await asyncio.to_thread(database.prepare, path, migrate=True)
    made = Transactions(path)
    yield made
    await made.close()


def writing(name: str, gate: Gate | None = None) -> Callable[[Session], None]:
    """Work of two steps."""

    def work(session: Session) -> None:
        session.add(Preference(key=f"{name} 1", value=""))
        session.flush()
        if gate is not None:
            gate.hold()
        session.add(Preference(key=f"{name} 2", value=""))

    return work


def written(session: Session) -> list[str]:
    return list(session.scalars(select(Preference.key).order_by(Preference.key)))


def reading(gate: Gate) -> Callable[[Session], list[str]]:
    def work(session: Session) -> list[str]:
        gate.hold()
        return written(session)

    return work


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def begun(task: asyncio.Task[Any]) -> asyncio.Task[Any]:
    """The task, as far as it comes by itself."""
    await asyncio.sleep(0)
    assert not task.done()
    return task


def names() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("catalog-")}


async def test_what_work_raises_is_rolled_back(opened: Transactions) -> None:
    def work(session: Session) -> None:
        writing("a")(session)
        session.flush()
        raise KeyError("a")

    with pytest.raises(KeyError):
        await opened.write(work)
    assert await opened.read(written) == []


async def test_a_write_that_is_cancelled_while_it_runs_is_committed_whole(
    opened: Transactions,
) -> None:
    gate = Gate()
    call = asyncio.create_task(opened.write(writing("a", gate)))
    await gate.wait_until_reached()
    await cancel(call)
    assert await opened.read(written) == []
    gate.open()
    await opened.write(writing("b"))
    assert await opened.read(written) == ["a 1", "a 2", "b 1", "b 2"]


async def test_a_write_that_is_cancelled_before_its_turn_never_begins(
    opened: Transactions,
) -> None:
    gate = Gate()
    first = asyncio.create_task(opened.write(writing("a", gate)))
    await gate.wait_until_reached()
    second = await begun(asyncio.create_task(opened.write(writing("b"))))
    third = await begun(asyncio.create_task(opened.write(writing("c"))))
    await cancel(second)
    gate.open()
    await asyncio.gather(first, third)
    assert await opened.read(written) == ["a 1", "a 2", "c 1", "c 2"]


async def test_cancelled_reads_cost_no_thread_and_no_connection(opened: Transactions) -> None:
    gates = [Gate() for _ in range(READERS)]
    running = [asyncio.create_task(opened.read(reading(gate))) for gate in gates]
    for gate in gates:
        await gate.wait_until_reached()
    never = Gate()
    waiting = await begun(asyncio.create_task(opened.read(reading(never))))
    for call in (waiting, *running):
        await cancel(call)
    for gate in gates:
        gate.open()
    together = threading.Barrier(READERS, timeout=PATIENCE_S)
    await asyncio.gather(*(opened.read(lambda _: together.wait()) for _ in range(READERS)))
    assert not never._reached.is_set()


async def test_nothing_is_logged_of_a_failure_that_nobody_waits_for(
    opened: Transactions, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()

    def work(session: Session) -> None:
        gate.hold()
        raise KeyError("a")

    call = asyncio.create_task(opened.write(work))
    await gate.wait_until_reached()
    await cancel(call)
    gate.open()
    await opened.write(writing("b"))
    gc.collect()
    assert caplog.records == []


async def test_no_thread_in_time_is_unavailable(
    opened: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    first = asyncio.create_task(opened.write(writing("a", gate)))
    await gate.wait_until_reached()
    with monkeypatch.context() as impatient:
        impatient.setattr(database_threads, "THREAD_TIMEOUT_S", 0.05)
        with pytest.raises(Unavailable, match=r"can't be used now: no thread became free"):
            await opened.write(writing("b"))
    gate.open()
    await first
    await opened.write(writing("c"))
    assert await opened.read(written) == ["a 1", "a 2", "c 1", "c 2"]


async def test_close_waits_for_the_calls_made_before_it(opened: Transactions) -> None:
    gate = Gate()
    calls = [asyncio.create_task(opened.write(writing("a", gate)))]
    await gate.wait_until_reached()
    calls += [asyncio.create_task(opened.write(writing(f"b{number}"))) for number in range(3)]
    reads = [asyncio.create_task(opened.read(written)) for _ in range(2 * READERS)]
    await asyncio.sleep(0)
    closing = await begun(asyncio.create_task(opened.close()))
    assert await asyncio.gather(*reads) == [[]] * 2 * READERS
    assert not closing.done()
    gate.open()
    await closing
    assert await asyncio.gather(*calls) == [None] * 4
    assert names() == set()
    with pytest.raises(RuntimeError):
        await opened.read(written)


async def test_a_close_that_is_cancelled_ends_the_threads(opened: Transactions) -> None:
    gate = Gate()
    running = asyncio.create_task(opened.write(writing("a", gate)))
    await gate.wait_until_reached()
    waiting = await begun(asyncio.create_task(opened.write(writing("b"))))
    closing = await begun(asyncio.create_task(opened.close()))
    closing.cancel()
    while not opened._writer._executor._shutdown:  # nothing public says that it has begun
        await asyncio.sleep(0.001)
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert names() == set()
    await running
    with pytest.raises(RuntimeError):
        await waiting


async def test_threads_say_what_they_are_and_end(opened: Transactions) -> None:
    assert names() == set()
    await asyncio.gather(*(opened.read(written) for _ in range(50)))
    await asyncio.gather(*(opened.write(writing(f"{number}")) for number in range(50)))
    assert {name.split("_")[0] for name in names()} == {"catalog-reader", "catalog-writer"}
    assert len(names()) <= 1 + READERS
    await opened.close()
    assert names() == set()


async def test_what_is_durable_is_on_the_disk_when_it_is_committed(opened: Transactions) -> None:
    def level(session: Session) -> object:
        return session.scalar(text("PRAGMA synchronous"))

    # sqlite.org/pragma.html#pragma_synchronous: 2 is FULL, 1 NORMAL.
    asked = [True, False, True]
    assert [await opened.write(level, durable=durable) for durable in asked] == [2, 1, 2]


CANCEL = """
import asyncio, sys
from orchestrator.catalog.store import Catalog
from tests.kit.catalog.rows import recording
async def main(url, turns):
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    if turns == 1:
        await catalog.create(recording("a"))
    calls = [catalog.get("a") for _ in range(5)]
    calls += [catalog.update("a", worker_starts=number) for number in range(5)]
    tasks = [asyncio.create_task(call) for call in calls]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await catalog.close()
for turns in range(1, 20):
    asyncio.run(main(sys.argv[1], turns))
"""


async def test_calls_that_are_cancelled_before_the_loop_ends(tmp_path: Path) -> None:
    """No thread tells a loop that is gone; the interpreter would print what a thread can't say."""
    assert await python(CANCEL, url_of(tmp_path / "catalog.db")) == (0, "")
