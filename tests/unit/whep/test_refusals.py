"""What is said of WHEP servers that redirect in a circle, want a token, or speak no HTTP."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.errors import SourceError, SourceGarbled, SourceRefused
from orchestrator.media import WhepEndpoint
from orchestrator.whep.http import WhepClient
from tests.kit.sources.whep_answers import scripted

TOKEN = "letmein"


async def test_a_circle_of_redirects_says_what_to_do() -> None:
    async with scripted() as home:
        home.says(status=307, headers={"Location": f"{home.url}/stream?key=geheim"})
        whep = WhepClient(WhepEndpoint(f"{home.url}/stream", None), timeout_s=5)
        with pytest.raises(SourceError, match="redirects more than 5 times") as caught:
            await whep.offer("v=0")
        await whep.close()
    assert "circle" in caught.value.detail
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("token", "said"), [(None, "set one"), (TOKEN, "does not allow")])
async def test_a_refusal_without_a_token_says_to_set_one(token: str | None, said: str) -> None:
    async with scripted() as home:
        home.says(status=403)
        whep = WhepClient(WhepEndpoint(f"{home.url}/stream", token), timeout_s=5)
        with pytest.raises(SourceRefused) as caught:
            await whep.offer("v=0")
        await whep.close()
    assert said in caught.value.detail


@pytest.mark.parametrize(
    ("bytes_", "said"), [(b"\x00\x01\x02\r\n\r\n", "not HTTP"), (b"", "without an answer")]
)
async def test_garbage_is_not_repeated(bytes_: bytes, said: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes_)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    whep = WhepClient(WhepEndpoint(f"http://127.0.0.1:{port}/a", None), timeout_s=5)
    with pytest.raises(SourceError, match=said) as caught:
        await whep.offer("v=0")
    assert "bytearray" not in str(caught.value)
    assert isinstance(caught.value, SourceGarbled) == (said == "not HTTP")
    await whep.close()
    server.close()
    await server.wait_closed()
