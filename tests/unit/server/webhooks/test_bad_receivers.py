"""Receivers that hang, refuse, redirect, answer too much or are gone."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.webhooks import announcements
from orchestrator.catalog.webhooks.table import Deliveries
from orchestrator.server.webhooks import sender
from orchestrator.server.webhooks.attempt import Attempts
from tests.kit.addresses.names import Names, private_only
from tests.kit.addresses.tls import Authority
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


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_a_receiver_that_drips_has_its_time_and_no_more(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing, a header without end, or a body without end, a byte now and then."""
    monkeypatch.setattr("orchestrator.server.webhooks.attempt.TOTAL_S", 0.5)
    monkeypatch.setattr("orchestrator.server.webhooks.attempt._REST_S", 0.1)
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(said)
            while True:
                writer.write(b"x" if said else b"")
                await writer.drain()
                with suppress(TimeoutError):
                    if not await asyncio.wait_for(reader.read(65536), 0.02):
                        return
        except ConnectionError:
            pass
        finally:
            gone.set()
            writer.close()

    attempts = Attempts()
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        began = time.monotonic()
        answer = await attempts.make(hook(f"http://127.0.0.1:{port}/"), {"id": "1"}, anywhere=True)
        assert time.monotonic() - began < 5
        await asyncio.wait_for(gone.wait(), 5)
    await attempts.close()
    if said.endswith(b"\r\n\r\n"):
        assert (answer.status, answer.error) == (200, None)  # it has it
    else:
        assert (answer.status, answer.error) == (None, "no complete answer within 0.5 s")


async def test_a_call_by_tls_goes_to_the_name_at_the_address_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is that of the name; that of another name is refused."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    private_only(monkeypatch, "127.0.0.2")
    names = Names(monkeypatch)
    attempts = Attempts()
    async with receiving(tls=authority.server("hook.example")) as receiver:
        port = urlsplit(receiver.url).port
        for name in ("hook.example", "another.example"):
            names.mean(name, "127.0.0.1", "127.0.0.2")
        called, refused = [
            await attempts.make(hook(f"https://{name}:{port}/h"), {"id": name}, anywhere=False)
            for name in ("hook.example", "another.example")
        ]
        (call,) = receiver.calls
    await attempts.close()
    assert (called.status, called.error) == (200, None)
    assert call.headers["Host"] == f"hook.example:{port}"
    assert call.event["id"] == "hook.example"
    assert refused.status is None
    assert "certificate" in (refused.error or "").lower()


async def test_headers_without_end_are_a_failure() -> None:
    async def write(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        with suppress(ConnectionError):
            for _ in range(1000):
                writer.write(b"x" * 10_000)
                await writer.drain()
        writer.close()

    attempts = Attempts()
    async with await asyncio.start_server(write, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await attempts.make(hook(f"http://127.0.0.1:{port}/"), {"id": "1"}, anywhere=True)
    await attempts.close()
    assert answer.status is None
    assert answer.error
    assert len(answer.error) <= 200


async def test_a_public_receiver_leads_to_no_private_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a redirect, or by a name that means another address a moment later."""
    private_only(monkeypatch, "127.0.0.2")
    names = Names(monkeypatch)
    names.mean("hook.example", "127.0.0.1", "127.0.0.1", "127.0.0.2")
    port = urlsplit(receiver.url).port or 0
    async with receiving("127.0.0.2", port) as private:

        async def lead_on(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": private.url})

        receiver.respond = lead_on
        attempts, webhook = Attempts(), hook(f"http://hook.example:{port}/hook")
        led = await attempts.make(webhook, {"id": "1"}, anywhere=False)
        receiver.respond = None
        reached = await attempts.make(webhook, {"id": "2"}, anywhere=False)
        refused = await attempts.make(webhook, {"id": "3"}, anywhere=False)
        await attempts.close()
        assert private.calls == []
    assert (led.status, led.refused) == (307, False)
    assert "redirects are not followed" in (led.error or "")
    assert (reached.status, reached.error) == (200, None)
    assert (refused.status, refused.refused) == (None, True)
    assert "private network" in (refused.error or "")
    assert [call.event["id"] for call in receiver.calls] == ["1", "2"]


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
