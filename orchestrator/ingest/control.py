"""The control socket of a process that holds a stream's publisher: its place, and who calls it.

A socket (unix(7)) for each stream, in a private folder that the catalog's path decides: so every
server and command with that catalog finds the publishers that are connected, whoever started the
process that holds them. A connection carries one request and its answer, each one line of JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

from orchestrator.errors import Unavailable, restore

LONGEST_LINE: Final = 4 * 2**20
"""Bytes of a request or an answer: a job has all settings, an offer is 64 kB at most."""

ANSWER_S: Final = 5.0
"""Longest wait for an answer; an offer is answered within a tenth of a second."""

LONGEST_PATH: Final = 103
"""Bytes of a socket's path: the system takes 107 on Linux and 103 on macOS."""

_DIGITS: Final = 10
"""Of a socket's name."""

DRAFT: Final = ".new"
"""The end of its name before it listens."""


class NobodyListens(Exception):
    """No process holds a publisher of this stream, or it is ending."""


def folder_of(database_url: str) -> Path:
    """The folder of a catalog's control sockets. Blocking, for a moment."""
    catalog = Path(database_url.partition(":///")[2]).expanduser().resolve()
    digest = hashlib.sha256(os.fsencode(catalog)).hexdigest()
    return Path(tempfile.gettempdir()) / f"haven-whip-{digest[:8]}"


def socket_of(folder: Path, stream_id: str) -> Path:
    """The control socket of a stream."""
    digest = hashlib.sha256(stream_id.encode("utf-8", "surrogatepass")).hexdigest()
    return folder / digest[:_DIGITS]


def log_of(folder: Path, stream_id: str) -> Path:
    """Where the process writes its log while nothing is recorded."""
    return socket_of(folder, stream_id).with_suffix(".log")


def sockets_in(folder: Path) -> list[Path]:
    """Those that are there, of processes that may have been killed. Blocking."""
    return sorted(folder.glob("?" * _DIGITS))


def make_folder(folder: Path) -> None:
    """Makes it, for this user only; Unavailable if another one has it. Blocking."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"No folder for control sockets can be made: {error}.",
            "Set TMPDIR to a folder on a local disk that this user may write to.",
        ) from error
    _check_owner(folder)
    if len(os.fsencode(folder)) + 1 + _DIGITS + len(DRAFT) > LONGEST_PATH:
        raise Unavailable(
            f"The path of the temporary folder is too long for sockets: {folder.parent}.",
            "Set TMPDIR to a folder with a shorter path.",
        )


def _check_owner(folder: Path) -> None:
    """Unavailable if anybody else could listen there; jobs have secrets."""
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or stat.S_IMODE(found.st_mode) & 0o077:
        raise Unavailable(
            f"{folder} belongs to another user, or others may use it.",
            "Remove it, or set TMPDIR to a folder of this user's own.",
        )


async def ask(path: Path, *, timeout_s: float = ANSWER_S, **request: Any) -> dict[str, Any]:
    """The answer of the process that listens there.

    NobodyListens: there is none. Unavailable: it doesn't answer. Any other HavenError is its own.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.to_thread(_check_owner, path.parent)
            answer = await _exchange(path, json.dumps(request))
    except TimeoutError as error:
        raise Unavailable(
            f"The process that holds the publisher didn't answer within {timeout_s:g} s.",
            "Try again; if that doesn't help, have the publisher connect again.",
        ) from error
    except OSError as error:
        raise NobodyListens(str(error)) from error
    if (failure := answer.get("failure")) is not None:
        raise restore(**failure)
    return answer


async def _exchange(path: Path, request: str) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
    try:
        writer.write(request.encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    except ValueError as error:  # longer than the limit
        raise ConnectionError(str(error)) from error
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        raise ConnectionResetError("it ended while it was asked")
    answer: dict[str, Any] = json.loads(line)
    return answer
