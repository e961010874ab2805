"""From what happens to recordings to what receivers get, over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks.table import Deliveries
from orchestrator.server.webhooks import planning, sender
from orchestrator.server.webhooks.attempt import Attempts
from orchestrator.server.webhooks.schedule import Answer
from orchestrator.server.webhooks.signing import hmac_signature
from tests.kit.webhooks.queues import (
    ALL,
    begin,
    end,
    file_of,
    hook,
    queue_of,
    run,
    until_state,
    whole,
)
from tests.kit.webhooks.receivers import Receiver, receiving


async def test_a_recording_is_reported_from_beginning_to_end(
    catalog: Catalog, receiver: Receiver
) -> None:
    async with queue_of(catalog, hook(receiver.url, key="whsec_" + "QUJD" * 8)):
        await begin(catalog, "a")
        await receiver.until(1)
        await run(catalog, "a")
        await receiver.until(3)
        await catalog.put_file(file_of("a"))
        await end(catalog, "a", duration_s=2.5, size_bytes=1000, reason="stopped")
        await receiver.until(4)
    assert receiver.types == ALL
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 4
    last = receiver.calls[-1].event
    assert last["recording"]["mint_id"] == "stream-a"
    assert last["data"]["files"] == [
        {
            "name": "a-1.mkv",
            "offset_s": 0.0,
            "duration_s": 2.5,
            "size_bytes": 1000,
            "sha256": "ab" * 32,
            "integrity": "whole",
            "problem": None,
        }
    ]
    for call in receiver.calls:
        sent_s = int(call.headers["webhook-timestamp"])
        assert abs(sent_s - time.time()) < 60
        id, signature = call.headers["webhook-id"], call.headers["webhook-signature"]
        assert signature == hmac_signature(b"ABC" * 8, id, sent_s, call.body)
        assert id == call.event["id"]


async def test_what_happened_while_no_server_ran_is_delivered_by_the_next(
    catalog: Catalog, receiver: Receiver
) -> None:
    await whole(catalog, "a")
    async with queue_of(catalog, hook(receiver.url)):
        await receiver.until(4)
    assert receiver.types == ALL


async def test_a_failure_is_retried_and_holds_only_what_comes_after_it(
    catalog: Catalog, receiver: Receiver
) -> None:
    async with receiving() as other:
        receiver.statuses = [500, 503, 500]
        async with queue_of(catalog, hook(receiver.url), hook(other.url)) as queue:
            await whole(catalog, "a")
            await until_state(queue, "delivered", 8)
    assert other.types == ALL
    assert receiver.types == [ALL[0]] * 3 + ALL
    assert len({call.headers["webhook-id"] for call in receiver.calls[:4]}) == 1


async def test_a_restart_loses_and_doubles_nothing(catalog: Catalog, receiver: Receiver) -> None:
    receiver.statuses = [200, 500]
    async with queue_of(catalog, hook(receiver.url)):
        await begin(catalog, "a")
        await run(catalog, "a")
        await receiver.until(2)
    await catalog.put_file(file_of("a"))
    await end(catalog, "a")
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await until_state(queue, "delivered", 4)
        await whole(catalog, "b")
        await until_state(queue, "delivered", 8)
    assert receiver.types == [ALL[0], ALL[1], *ALL[1:], *ALL]


async def test_two_processes_deliver_each_event_once(catalog: Catalog, receiver: Receiver) -> None:
    hooks = hook(receiver.url)
    async with queue_of(catalog, hooks) as queue, queue_of(catalog, hooks):
        for id in "abcd":
            await whole(catalog, id)
        await until_state(queue, "delivered", 16)
    assert sorted(receiver.types) == sorted(ALL * 4)


async def test_a_request_has_hooks_of_its_own_and_those_of_the_settings(
    catalog: Catalog, receiver: Receiver
) -> None:
    async with receiving() as asked:
        wanted = hook(asked.url, events=["recording.finished", "recording.failed"])
        twice = hook(receiver.url, events=[])
        settings = {"allow_private_targets": True}
        async with queue_of(catalog, hook(receiver.url), **settings) as queue:
            await begin(catalog, "a", [wanted, twice])
            await run(catalog, "a")
            await end(
                catalog, "a", "failed", error_code="no_media", error="Nothing.", detail="Look."
            )
            await until_state(queue, "delivered", 5)
    assert receiver.types == [*ALL[:3], "recording.failed"]
    assert asked.types == ["recording.failed"]
    error = {"code": "no_media", "error": "Nothing.", "detail": "Look."}
    assert asked.calls[0].event["data"]["error"] == error


async def test_record_calls_for_its_own_recording_only(
    catalog: Catalog, receiver: Receiver
) -> None:
    await begin(catalog, "foreign")
    async with queue_of(catalog, hook(receiver.url), all_recordings=False) as queue:
        await begin(catalog, "own")
        queue.follow("own")
        await run(catalog, "own")
        await catalog.put_file(file_of("own"))
        await end(catalog, "own")
        assert await queue.settle(15) == 0
    assert receiver.types == ALL
    async with queue_of(catalog, hook(receiver.url)):
        await receiver.until(5)
    assert receiver.calls[4].event["recording"]["id"] == "foreign"


async def test_record_leaves_to_the_next_server_what_it_cannot_deliver(
    catalog: Catalog, receiver: Receiver
) -> None:
    receiver.statuses = [500] * 1000
    async with queue_of(catalog, hook(receiver.url), all_recordings=False) as queue:
        await begin(catalog, "own")
        queue.follow("own")
        await end(catalog, "own", "aborted")
        await receiver.until(1)
        assert await queue.settle(0.2) == 2
    receiver.statuses = []
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await until_state(queue, "delivered", 2)
    assert receiver.types[-1] == "recording.aborted"


async def test_nobody_waits_where_there_are_no_hooks(catalog: Catalog) -> None:
    async with queue_of(catalog, all_recordings=False) as queue:
        await begin(catalog, "own")
        queue.follow("own")
        began = time.monotonic()
        assert await queue.settle(30) == 0
        assert time.monotonic() - began < 5


async def test_finished_waits_for_the_checksum(catalog: Catalog, receiver: Receiver) -> None:
    async with queue_of(catalog, hook(receiver.url, events=[ALL[-1]])):
        await begin(catalog, "a")
        await catalog.put_file(file_of("a", sha256=None))
        await end(catalog, "a", ago_s=2)
        await begin(catalog, "b")
        await end(catalog, "b", ago_s=2)
        await receiver.until(1)
        assert receiver.calls[0].event["recording"]["id"] == "b"
        await catalog.set_checksum(file_of("a"), "cd" * 32)
        await receiver.until(2)
    assert receiver.calls[1].event["data"]["files"][0]["sha256"] == "cd" * 32


async def test_old_ones_are_forgotten(catalog: Catalog, receiver: Receiver) -> None:
    table, now = Deliveries(catalog), datetime.now(UTC)
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await whole(catalog, "a")
        await until_state(queue, "delivered", 4)
        assert await table.forget(now - timedelta(days=1), keep=10) == 0
        assert await table.forget(now - timedelta(days=1), keep=3) == 1
        assert await table.forget(now + timedelta(days=1), keep=10) == 3


@pytest.mark.parametrize("deleted", [False, True])
async def test_what_comes_of_its_files_follows_its_end(
    catalog: Catalog, receiver: Receiver, deleted: bool
) -> None:
    """Although the end waits for the checksum."""
    upload = {"output_id": "o", "type": "upload", "from": "active", "to": "complete"}
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await begin(catalog, "a")
        await catalog.put_file(file_of("a", sha256=None))
        await catalog.add_event("a", "joined", "Connected.")
        await end(catalog, "a", ago_s=2)
        await catalog.add_event("a", "output", "active -> complete", **upload)
        await receiver.until(2)
        assert receiver.types == ALL[:2], "it waits"
        if deleted:
            await queue.announce_end("a")
        else:
            await catalog.set_checksum(file_of("a"), "cd" * 32)
        await receiver.until(4)
    assert receiver.types == [*ALL[:2], ALL[-1], "recording.uploaded"]


async def test_of_one_that_runs_no_end_is_announced(catalog: Catalog, receiver: Receiver) -> None:
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await begin(catalog, "a")
        await run(catalog, "a")
        await queue.announce_end("a")
        await receiver.until(3)
        assert receiver.types == ALL[:3]


async def test_a_hook_that_cannot_be_read_any_more_fails(
    catalog: Catalog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another version."""
    monkeypatch.setattr(planning, "plain_webhooks", lambda _: '[{"url": "gopher://geheim"}]')
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await begin(catalog, "a")
        (row,) = await until_state(queue, "failed", 1)
    assert row.error == "this recorder can't read the web hook any more"


async def test_a_fault_of_the_recorder_holds_up_nothing_for_ever(
    catalog: Catalog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, faults = Attempts.make, [RuntimeError("once")]

    async def faulty(*given: Any, **named: Any) -> Answer:
        if faults:
            raise faults.pop()
        return await make(*given, **named)

    monkeypatch.setattr(Attempts, "make", faulty)
    due = Mock(side_effect=[RuntimeError("at first"), *[None] * 1000])
    between = Deliveries.due_between

    async def due_between(table: Deliveries) -> Any:
        due()
        return await between(table)

    monkeypatch.setattr(Deliveries, "due_between", due_between)
    monkeypatch.setattr(sender, "LONGEST_REST_S", 0.05)
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await whole(catalog, "a")
        await until_state(queue, "delivered", 4)
    assert receiver.types == ALL
    assert due.call_count > 1
    assert faults == []
