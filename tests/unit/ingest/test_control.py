"""The control socket: who finds it, who may use it, and what is there when nobody listens."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StaleSession, TooManyPublishers, Unavailable
from orchestrator.ingest.control import (
    NobodyListens,
    ask,
    folder_of,
    log_of,
    make_folder,
    socket_of,
    sockets_in,
)
from orchestrator.ingest.control_server import ControlServer


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of one catalog; a test's own folder may have too long a path for sockets."""
    with tempfile.TemporaryDirectory() as temporary:
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        yield folder_of("sqlite:///catalog.db")


async def echo(request: dict[str, Any]) -> dict[str, Any]:
    """Answers with the request."""
    return request


async def test_a_request_gets_its_answer(folder: Path) -> None:
    server = ControlServer(socket_of(folder, "lobby"), echo)
    await server.open()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sockets_in(folder) == [socket_of(folder, "lobby")]
    sdp = "ä" * 200_000
    answer = await ask(socket_of(folder, "lobby"), op="offer", sdp=sdp)
    assert answer == {"op": "offer", "sdp": sdp}
    await server.close()
    assert not folder.exists()
    with pytest.raises(NobodyListens):
        await ask(socket_of(folder, "lobby"), op="status")


@pytest.mark.parametrize(
    "error", [StaleSession(), TooManyPublishers("Full.", "Wait.", retry_after_s=3.0)]
)
async def test_errors_are_passed_on(folder: Path, error: Exception) -> None:
    async def fail(request: dict[str, Any]) -> dict[str, Any]:
        raise error

    server = ControlServer(socket_of(folder, "lobby"), fail)
    await server.open()
    with pytest.raises(type(error)) as raised:
        await ask(socket_of(folder, "lobby"), op="offer")
    assert str(raised.value) == str(error)
    assert getattr(raised.value, "context") == getattr(error, "context")  # noqa: B009
    await server.close()


async def test_a_killed_process_is_replaced(folder: Path) -> None:
    path = socket_of(folder, "lobby")
    make_folder(folder)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with pytest.raises(NobodyListens):
        await ask(path, op="status")
    server = ControlServer(path, echo)
    await server.open()
    assert await ask(path, op="status") == {"op": "status"}
    await server.close()


async def test_a_second_process_finds_the_first(folder: Path) -> None:
    first, second = (ControlServer(socket_of(folder, "lobby"), echo) for _ in range(2))
    await first.open()
    with pytest.raises(Unavailable, match="Another process"):
        await second.open()
    await second.close()
    assert await ask(socket_of(folder, "lobby"), op="status") == {"op": "status"}
    await first.close()


async def test_one_that_closes_answers_what_it_was_asked(folder: Path) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(request: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        await may_answer.wait()
        return {"at": "last"}

    server = ControlServer(socket_of(folder, "lobby"), slow)
    await server.open()
    answer = asyncio.create_task(ask(socket_of(folder, "lobby"), op="offer"))
    await asked.wait()
    server.refuse()
    with pytest.raises(NobodyListens):
        await ask(socket_of(folder, "lobby"), op="offer")
    closing = asyncio.create_task(server.close())
    may_answer.set()
    assert await answer == {"at": "last"}
    await closing


async def test_one_that_does_not_answer(folder: Path) -> None:
    async def never(request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    server = ControlServer(socket_of(folder, "lobby"), never)
    await server.open()
    with pytest.raises(Unavailable, match="didn't answer"):
        await ask(socket_of(folder, "lobby"), timeout_s=0.05, op="status")
    for task in server._answering:
        task.cancel()
    await server.close()


@pytest.mark.parametrize("sent", [b"", b"\n", b"{}", b"nonsense\n", b"x" * 100 + b"\n"])
async def test_what_is_no_request_ends_the_connection(folder: Path, sent: bytes) -> None:
    server = ControlServer(socket_of(folder, "lobby"), echo)
    await server.open()
    reader, writer = await asyncio.open_unix_connection(socket_of(folder, "lobby"))
    writer.write(sent)
    writer.write_eof()
    assert await reader.read() in (b"", b"{}\n")
    writer.close()
    assert await ask(socket_of(folder, "lobby"), op="status") == {"op": "status"}
    await server.close()


def test_each_catalog_and_stream_has_its_own(folder: Path, tmp_path: Path) -> None:
    here = folder_of(f"sqlite:///{tmp_path / 'catalog.db'}")
    os.symlink(tmp_path, tmp_path / "link")
    assert folder_of(f"sqlite:///{tmp_path / 'link' / 'catalog.db'}") == here
    assert folder_of(f"sqlite:///{tmp_path / 'other.db'}") != here
    assert socket_of(here, "a") != socket_of(here, "b")
    assert log_of(here, "a").parent == here


def test_a_folder_of_somebody_else_is_not_used(folder: Path) -> None:
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(Unavailable, match="belongs to another user, or others may use it"):
        make_folder(folder)
    folder.rmdir()
    folder.symlink_to(folder.parent)
    with pytest.raises(Unavailable, match="belongs to another"):
        make_folder(folder)


async def test_nothing_is_said_to_somebody_else(folder: Path) -> None:
    """A job has secrets: who made the folder first must not get it."""
    folder.mkdir(mode=0o700)
    folder.chmod(0o755)
    with pytest.raises(Unavailable, match="others may use it"):
        await ask(socket_of(folder, "lobby"), op="record", job="secret")


def test_too_long_a_path(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    with pytest.raises(Unavailable, match="too long for sockets"):
        make_folder(deep / "haven-whip-12345678")
