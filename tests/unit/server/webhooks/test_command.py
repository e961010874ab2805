"""`orchestrator webhooks`: one call, and the catalog's calls without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.announcements import Announcement, Announcements
from tests.kit.api.memory_webhooks import delivery
from tests.kit.catalog.rows import recording
from tests.kit.cli import Here, here, orchestrator, place
from tests.kit.webhooks.receivers import receiving

__all__ = ["here", "orchestrator", "place"]


async def fill(url: str) -> None:
    """One call in each state."""
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    await catalog.create(recording("r1"))
    rows = [delivery(id, state) for id, state in enumerate(("waiting", "failed", "delivered"), 1)]
    await Announcements(catalog).announce([Announcement(await catalog.get("r1"), 2, 0, rows)], None)
    await catalog.close()


@pytest.fixture
def filled(here: Here) -> Here:
    asyncio.run(fill(here.catalog))
    return here


async def called(run: Callable[[], object]) -> None:
    """Runs a command beside a receiver."""
    with ThreadPoolExecutor() as threads:
        await asyncio.get_running_loop().run_in_executor(threads, run)


def test_nothing_waits(here: Here) -> None:
    assert here.run("webhooks", "list").stdout == "Nothing waits, and nothing has failed.\n"


def test_the_list_has_what_waits_and_what_failed(filled: Here) -> None:
    listed = json.loads(filled.run("webhooks", "list", "--json").stdout)
    assert [row["id"] for row in listed["deliveries"]] == [2, 1]
    table = filled.run("webhooks", "list", "--limit", "1").stdout
    assert "https://hooks.example/***" in table
    assert "1 of 2; --limit shows more." in table
    done = json.loads(filled.run("webhooks", "list", "--state", "delivered", "--json").stdout)
    assert [row["id"] for row in done["deliveries"]] == [3]


def test_what_failed_is_tried_again(filled: Here) -> None:
    assert "is tried again" in filled.run("webhooks", "retry", "2").stdout
    assert "is delivered already" in filled.run("webhooks", "retry", "3").stdout
    assert filled.run("webhooks", "retry", "--all").stdout == "None has failed.\n"
    waiting = filled.run("webhooks", "list", "--state", "waiting", "--json").stdout
    assert json.loads(waiting)["total"] == 2
    assert filled.run("webhooks", "retry", "9").returncode == 1
    assert filled.run("webhooks", "retry").returncode == 2


async def test_a_call_says_what_came_back(here: Here, tmp_path: Path) -> None:
    key, url = tmp_path / "key", tmp_path / "url"
    key.write_text("whsec_" + "QUJD" * 8 + "\n")
    async with receiving() as receiver:
        receiver.statuses = [204, 418]
        url.write_text(f"{receiver.url}\n")
        ran = []

        def run() -> None:
            for named in (receiver.url, f"@{url}"):
                ran.append(here.run("webhooks", "test", named, "--key-file", str(key)))

        await called(run)
    assert (ran[0].returncode, ran[1].returncode) == (0, 1)
    assert "took it: HTTP 204" in ran[0].stdout
    assert "HTTP 418" in ran[1].stderr
    assert receiver.types == ["webhook.test"] * 2
    assert receiver.calls[0].headers["webhook-signature"].startswith("v1,")
    assert "geheim" not in ran[0].stdout + ran[1].stderr


@pytest.mark.parametrize(
    "arguments",
    [["ftp://example.org/"], ["https://u:p@example.org/"], ["http://a/", "--signature", "livekit"]],
)
def test_a_bad_hook_is_a_usage_error(here: Here, arguments: list[str]) -> None:
    assert here.run("webhooks", "test", *arguments).returncode == 2
