"""`orchestrator outputs`, and the outputs that `record` is asked for, without a server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.cli.named_outputs import outputs_of, webhooks_of
from orchestrator.errors import InvalidRequest
from tests.kit.catalog.rows import recording
from tests.kit.cli import Here

PUSH = "push:rtmp://media.example/app/geheim"


async def _with(url: str, work: Any) -> Any:
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    try:
        return await work(catalog)
    finally:
        await catalog.close()


@pytest.fixture
def filled(here: Here) -> Here:
    """One recording that runs, and one that has ended."""

    async def fill(catalog: Catalog) -> None:
        await catalog.create(recording("runs", state="recording"))
        await catalog.create(recording("done", "other", state="completed"))

    asyncio.run(_with(here.catalog, fill))
    return here


def listed(here: Here, id: str = "runs") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(here.run("outputs", "list", id, "--json").stdout)
    return found


def test_one_is_added_listed_and_removed(filled: Here) -> None:
    assert filled.run("outputs", "list", "runs").stdout == "Recording runs has no outputs.\n"
    added = filled.run("outputs", "add", "runs", PUSH)
    assert added.stdout.startswith("Output 1 of runs (push, ")
    (row,) = listed(filled)
    assert (row["type"], row["state"]) == ("push", "waiting")
    assert row["request"]["url"] == "rtmp://media.example/app/***"
    table = filled.run("outputs", "list", "runs").stdout
    assert "rtmp://media.example/app/***" in table
    assert "geheim" not in added.stdout + table
    assert "is removed" in filled.run("outputs", "remove", "runs", "1").stdout
    again = filled.run("outputs", "remove", "runs", "7")
    assert (again.returncode, "output" in again.stderr.lower()) == (1, True)


def test_one_that_failed_is_tried_again(filled: Here) -> None:
    (filled.folder / "far").mkdir()
    added = filled.run("outputs", "add", "done", f"upload:file://{filled.folder}/far", "--json")
    assert added.returncode == 0, added.stderr
    (row,) = listed(filled, "done")

    async def fail(catalog: Catalog) -> None:
        await Outputs(catalog).change(row["id"], state="failed", error="The disk is full.")

    asyncio.run(_with(filled.catalog, fail))
    assert "The disk is full." in filled.run("outputs", "list", "done").stdout
    assert "is tried again" in filled.run("outputs", "retry", "done", row["id"]).stdout
    assert listed(filled, "done")[0]["state"] == "waiting"


def test_what_a_recording_may_not_have(filled: Here) -> None:
    for id, output, said in (
        ("done", PUSH, "has ended"),
        ("runs", "images:10s", "from the beginning"),
        ("runs", "push:geheim", "push has no address"),
        ("nobody", "hls", "nobody"),
        ("runs", "@nowhere", "nothing can be read of nowhere"),
    ):
        refused = filled.run("outputs", "add", id, output)
        assert refused.returncode != 0
        assert said in refused.stderr
        assert "geheim" not in refused.stderr


def test_a_file_keeps_keys_out_of_the_arguments(filled: Here) -> None:
    (filled.folder / "key").write_text(f"{PUSH}\n")
    assert filled.run("outputs", "add", "runs", "@key").returncode == 0
    assert listed(filled)[0]["request"]["url"] == "rtmp://media.example/app/***"


def test_those_of_record(tmp_path: Path) -> None:
    assert outputs_of([]) is None
    assert outputs_of(["none"]) == ()
    outputs = outputs_of(["hls", PUSH])
    assert outputs is not None
    assert [output.type for output in outputs] == ["hls", "push"]
    with pytest.raises(InvalidRequest, match="'none' is no type"):
        outputs_of(["none", "hls"])
    with pytest.raises(typer.BadParameter, match="at most 16, not 17"):
        outputs_of(["hls"] * 17)


def test_web_hooks_of_record(tmp_path: Path) -> None:
    assert webhooks_of([]) is None
    file = tmp_path / "hook.json"
    file.write_text(
        '{"url": "https://a.example/hook", "key": "k", "events": ["recording.finished"]}'
    )
    hooks = webhooks_of(["https://b.example", f"@{file}"])
    assert hooks is not None
    assert [hook.url.get_secret_value() for hook in hooks] == [
        "https://b.example",
        "https://a.example/hook",
    ]
    assert hooks[1].events == ["recording.finished"]
    with pytest.raises(typer.BadParameter, match="url"):
        webhooks_of([""])
    with pytest.raises(typer.BadParameter, match="at most 8"):
        webhooks_of(["https://b.example"] * 9)


def test_record_refuses_what_names_none_before_it_begins(here: Here) -> None:
    refused = here.run("record", "demo", "--also", "hls:fast")
    assert refused.returncode == 1
    assert "hls has no option 'fast'" in refused.stderr
    assert not (here.folder / "catalog.db").exists()
