"""Clients that hang up before they have their answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import HTTPException, Request

from orchestrator.api.hang_ups import unless_hung_up


def _request(hung_up: asyncio.Event) -> Request:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "headers": []}, receive)


async def test_who_stays_has_the_answer_or_the_error() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    async def fails() -> int:
        raise LookupError

    assert await unless_hung_up(_request(asyncio.Event()), work()) == 5
    with pytest.raises(LookupError):
        await unless_hung_up(_request(asyncio.Event()), fails())


async def test_for_who_hangs_up_nothing_more_is_done() -> None:
    hung_up, begun, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
            return 5
        finally:
            cancelled.set()

    asked = asyncio.create_task(unless_hung_up(_request(hung_up), work()))
    await begun.wait()
    hung_up.set()
    async with asyncio.timeout(5):
        assert await asked is None
        await cancelled.wait()


async def test_what_is_wrong_with_a_body_is_the_answer() -> None:
    async def receive() -> dict[str, Any]:
        raise HTTPException(413)

    async def work() -> int:
        await asyncio.Event().wait()
        return 5

    request = Request({"type": "http", "method": "GET", "headers": []}, receive)
    with pytest.raises(HTTPException):
        await unless_hung_up(request, work())
