"""Asks for uploads and waits for them."""

from __future__ import annotations

import asyncio
from typing import Any

import psutil

from orchestrator.uploads.process.lock import uploader_of
from tests.kit.recordings.machine import Machine, ServerProcess


async def add_upload(server: ServerProcess, recording_id: str, **output: Any) -> dict[str, Any]:
    """The new output of a recording."""
    body = {"type": "upload", **output}
    answer = await server.ask(f"/api/recordings/{recording_id}/outputs", **body)
    assert answer.status_code in (200, 201, 202), answer.text
    return dict(answer.json())


async def output_of(server: ServerProcess, recording_id: str, id: str) -> dict[str, Any]:
    """How it stands."""
    listed = await server.get(f"/api/recordings/{recording_id}/outputs")
    return next(dict(one) for one in listed["outputs"] if one["id"] == id)


async def until(
    server: ServerProcess, recording_id: str, id: str, *states: str, within_s: float = 60
) -> dict[str, Any]:
    """The output once it is in one of these states."""
    row: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within_s):
            while (row := await output_of(server, recording_id, id))["state"] not in states:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(row) from None
    return row


async def until_sent(server: ServerProcess, recording_id: str, id: str, least: int) -> None:
    """Until so many bytes are there."""
    async with asyncio.timeout(60):
        while True:
            row = await output_of(server, recording_id, id)
            assert row["state"] in ("waiting", "active"), row
            if row["figures"].get("bytes_uploaded", 0) >= least:
                return
            await asyncio.sleep(0.02)


def uploaders(machine: Machine) -> list[psutil.Process]:
    """The process that uploads, if there is one; another one that is begun sees it and ends."""
    uploading = uploader_of(machine.folder / "catalog.db")
    return [] if uploading is None else [psutil.Process(uploading)]
