"""Receivers that hang, refuse, redirect, answer too much or are gone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks import announcements
from orchestrator.catalog.webhooks.table import Deliveries
from orchestrator.server.webhooks import sender
from tests.kit.webhooks.queues import (
    ALL,
    begin,
    end,
    hook,
    queue_of,
    run,
    until_state,
    whole,
)
from tests.kit.webhooks.receivers import Receiver, hang, receiving


async def test_a_receiver_that_hangs_holds_up_nobody(catalog: Catalog, receiver: Receiver) -> None:
    receiver.respond = hang
    async with receiving() as other, queue_of(catalog, hook(receiver.url), hook(other.url)):
        for id in "abcdefgh":
            await whole(catalog, id)
        await other.until(32)
        assert len(receiver.calls) == sender.OF_EACH
    for id in "abcdefgh":
        of = [call.event for call in other.calls]
        assert [each["type"] for each in of if each["recording"]["id"] == id] == ALL


async def test_no_answer_in_time_is_a_failure(
    catalog: Catalog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.server.webhooks.attempt.TOTAL_S", 0.3)
    receiver.respond = hang
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await begin(catalog, "a")
        await receiver.until(2)
        (row,), _ = await queue.page(limit=1, offset=0)
        assert row.error == "no complete answer within 0.3 s"


async def test_a_redirect_is_not_followed(catalog: Catalog, receiver: Receiver) -> None:
    async with receiving() as target:

        async def lead_on(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": target.url})

        receiver.respond = lead_on
        async with queue_of(catalog, hook(receiver.url)) as queue:
            await begin(catalog, "a")
            (row,) = await until_state(queue, "failed", 1)
    assert target.calls == []
    assert (row.attempts, row.status) == (5, 307)
    assert "redirects are not followed" in (row.error or "")


@pytest.mark.parametrize("status", [200, 500])
async def test_of_a_huge_answer_little_is_read(
    catalog: Catalog, receiver: Receiver, status: int
) -> None:
    sent = 0

    async def much(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status, headers={"Content-Length": "10000000"})
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 10_000)
            sent += 10_000
        return response

    receiver.respond = much
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await begin(catalog, "a")
        await until_state(queue, "delivered" if status == 200 else "waiting", 1)
        await receiver.until(1 if status == 200 else 2)
        rows, _ = await queue.page(limit=1, offset=0)
    assert len(rows[0].error or "") < 300
    assert sent < 9_000_000


async def test_what_is_kept_of_an_answer_has_nothing_of_the_url_or_the_key(
    catalog: Catalog, receiver: Receiver
) -> None:
    key = "whsec_" + "QUJD" * 8

    async def repeat(request: web.Request) -> web.Response:
        words = f"{'x' * 170} Cannot POST {request.path_qs}: geheim, t&k-n, {key[6:]} {'x' * 200}"
        return web.Response(status=404, text=words.replace("&", "&amp;"))

    receiver.respond = repeat
    async with queue_of(catalog, hook(f"{receiver.url}?token=t%26k-n", key=key)) as queue:
        await begin(catalog, "a")
        await receiver.until(2)
        (row,), _ = await queue.page(limit=1, offset=0)
    assert (row.error or "").endswith("Cannot POST /***?***: ***, **")


async def test_who_is_gone_is_not_called_again(catalog: Catalog, receiver: Receiver) -> None:
    receiver.statuses = [410]
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await begin(catalog, "a")
        await until_state(queue, "failed", 1)
        await run(catalog, "a")
        await end(catalog, "a")
        await whole(catalog, "b")
        await until_state(queue, "delivered", 4)
    assert [call.event["recording"]["id"] for call in receiver.calls] == ["a", *"bbbb"]


async def test_a_request_calls_no_private_address(catalog: Catalog, receiver: Receiver) -> None:
    """It did lead to a public one when it was checked."""
    async with queue_of(catalog) as queue:
        await begin(catalog, "a", [hook(receiver.url)])
        (row,) = await until_state(queue, "failed", 1)
    assert "private network" in (row.error or "")
    assert receiver.calls == []


async def test_a_receiver_with_too_many_that_wait_gets_no_more(
    catalog: Catalog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "MOST_WAITING", 2)
    receiver.statuses = [500] * 1000
    async with queue_of(catalog, hook(receiver.url)) as queue:
        await whole(catalog, "a")
        rows = await until_state(queue, "failed", 2)
        assert {row.error for row in rows} == {"2 calls of this receiver wait already"}
        assert (await queue.counts())["waiting"] == 2
        receiver.statuses = []
        await until_state(queue, "delivered", 2)
        assert (await queue.retry(rows[0].id)).state == "waiting"
        await until_state(queue, "delivered", 3)


async def test_a_clock_that_was_set_back_delays_nothing(
    catalog: Catalog, receiver: Receiver
) -> None:
    async with queue_of(catalog, hook("http://127.0.0.1:9/")) as queue:
        await begin(catalog, "a")
        (row,) = await until_state(queue, "waiting", 1)
    later = datetime.now(UTC) + timedelta(hours=5)
    await Deliveries(catalog).again(row, later, None, "later")
    async with queue_of(catalog) as queue:
        async with asyncio.timeout(15):
            while (await queue.page(limit=1, offset=0))[0][0].error == "later":
                await asyncio.sleep(0.02)
