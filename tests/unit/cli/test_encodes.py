"""`orchestrator encodes`: the queue, looked at and changed without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from orchestrator.api.schemas.common import example_of
from orchestrator.api.schemas.encodes import EncodedFile, EncodeProgress
from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.server.encodes.request import new_encode
from tests.kit.catalog.rows import recording
from tests.kit.cli import Here


async def fill(url: str) -> None:
    """Four encodes, one in each of these states."""
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    table = Encodes(catalog)
    rows: dict[str, dict[str, Any]] = {
        "queued": {},
        "running": {"progress": example_of(EncodeProgress)},
        "completed": {"result": {"1": example_of(EncodedFile)}},
        "failed": {"error": "The disk is full.", "detail": "Free some space."},
    }
    for number, (state, columns) in enumerate(rows.items()):
        await catalog.create(recording(f"r{number}", state="completed"))
        row = new_encode(f"r{number}", EncodeOptions(pipeline="mp4"))
        row.id = f"e{number}"
        await table.add(row)
        await table.change(row.id, state=state, **columns)
    await catalog.close()


@pytest.fixture
def filled(here: Here) -> Here:
    asyncio.run(fill(here.catalog))
    return here


def test_an_empty_queue(here: Here) -> None:
    assert here.run("encodes").stdout == "Nothing has been encoded again yet.\n"
    assert json.loads(here.run("encodes", "--json").stdout)["encodes"] == []


def test_the_list(filled: Here) -> None:
    listed = json.loads(filled.run("encodes", "list", "--json").stdout)
    assert (listed["total"], listed["paused"]) == (4, None)
    states = {row["id"]: row["state"] for row in listed["encodes"]}
    assert states == {"e0": "queued", "e1": "running", "e2": "completed", "e3": "failed"}
    table = filled.run("encodes", "--limit", "3").stdout
    assert "3 of 4; --limit shows more." in table
    assert "42%" in table
    assert filled.run("encodes", "--state", "paused").stdout == "None is paused.\n"
    wrong = filled.run("encodes", "--state", "gone")
    assert wrong.returncode == 1
    assert "queued, running, paused" in wrong.stderr


def test_one_of_them(filled: Here) -> None:
    assert "pipeline mp4, quality high" in filled.run("encodes", "show", "e0").stdout
    assert "encoding" in filled.run("encodes", "show", "e1").stdout
    assert example_of(EncodedFile)["output"][:20] in filled.run("encodes", "show", "e2").stdout
    assert "The disk is full. Free some space." in filled.run("encodes", "show", "e3").stdout
    assert json.loads(filled.run("encodes", "show", "e3", "--json").stdout)["state"] == "failed"
    unknown = filled.run("encodes", "show", "nothing")
    assert (unknown.returncode, "nothing" in unknown.stderr) == (1, True)


def test_cancelled(filled: Here) -> None:
    said = [filled.run("encodes", "cancel", f"e{number}").stdout for number in range(4)]
    assert said == [
        "Encode e0 is cancelled.\n",
        "Encode e1 is being cancelled: the server ends it and removes its files.\n",
        "Encode e2 has completed already.\n",
        "Encode e3 has failed already.\n",
    ]
    unknown = filled.run("encodes", "cancel", "nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "`orchestrator encodes` lists all encodes." in unknown.stderr


def test_paused_and_resumed(filled: Here) -> None:
    assert filled.run("encodes", "pause").stdout == "The queue is paused.\n"
    assert "`orchestrator encodes resume` has it go on" in filled.run("encodes").stdout
    assert json.loads(filled.run("encodes", "--json").stdout)["paused"] is True
    filled.run("encodes", "resume")
    assert json.loads(filled.run("encodes", "--json").stdout)["paused"] is False
