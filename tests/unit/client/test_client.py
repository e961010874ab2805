"""Both clients against a real server: what is sent, what is read, what is raised."""

from __future__ import annotations

import asyncio
import inspect
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import orchestrator.client
from orchestrator.api.schemas.recording_control import Stopped
from orchestrator.api.schemas.start import StartBody
from orchestrator.api.schemas.streams import StreamBody
from orchestrator.catalog.store import Catalog
from orchestrator.client import AsyncClient, Client, ClientError, calls
from orchestrator.client.calls import Call, Options, StreamSource
from orchestrator.errors import SourceBusy
from orchestrator.media import Stream
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.streams.named_streams import NamedStreams
from orchestrator.server.watches.watches import Watches
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager, never
from tests.kit.api.memory_webhooks import delivery
from tests.kit.api.serving import serving

ROOM = "the_room/ü"
KEY = "a key of the client's"


async def accept(request: StartRequest) -> None:
    """Whatever is asked for."""


@pytest.fixture
def manager(tmp_path: Path, catalog: Catalog) -> MemoryManager:
    settings = Settings(output_directory=tmp_path, disk_reserve_bytes=0, api_key=SecretStr(KEY))
    made = MemoryManager(settings)
    made.directory.streams = [Stream(ROOM, "demo", name="Room")]
    made.streams = NamedStreams(settings, catalog, made.directory.named)
    made.webhooks.rows = [delivery(1, "failed"), delivery(2), delivery(3, recording_id="r2")]
    made.watches = Watches(catalog, made.directory, made.start, accept, 3600, unmute=never)
    return made


@pytest.fixture
async def url(manager: MemoryManager) -> AsyncIterator[str]:
    async with serving(manager) as url:
        yield url


def everything(client: Client, folder: str) -> Stopped:
    """Every method, in an order that makes sense."""
    assert client.health().success
    assert client.formats().default_format == "av1"
    assert client.set_output_directory(folder).output_directory == folder
    assert client.output_directory().exists
    assert [stream.mint_id for stream in client.streams(limit=5).streams] == [ROOM]
    assert client.stream(ROOM).published is None
    assert client.add_stream("the lobby", whep="https://media.example/w").kind == "whep"
    assert client.remove_stream("the lobby").mint_id == "the lobby"
    assert client.watch(ROOM, output_format="webm", split_minutes=1).state == "waiting"
    assert client.watches().watches[0].request["output_format"] == "webm"
    assert client.unwatch(ROOM).mint_id == ROOM
    started = client.start(ROOM, output_format="mp4", video_quality="low")
    assert (started.config.output_format, started.config.video_quality) == ("mp4", "low")
    assert client.status(ROOM).is_recording
    assert list(client.active().recordings) == [ROOM]
    output = client.add_output(started.id, "push", url="rtmp://media.example/app/key")
    assert [each.id for each in client.outputs(started.id).outputs] == [output.id]
    assert client.remove_output(started.id, output.id).state == "removed"
    with pytest.raises(ClientError, match="can't be tried again"):
        client.retry_output(started.id, output.id)
    stopped = client.stop(ROOM)
    assert client.recordings(limit=10, mint_id=ROOM).total == 1
    assert client.recording(started.id).mint_id == ROOM
    queued = client.encode(started.id, pipeline="mp4", crf=30)
    assert client.encodes(recording_id=started.id).encodes[0].id == queued.id
    assert client.get_encode(queued.id).request.crf == 30
    assert client.cancel_encode(queued.id).state == "cancelled"
    waiting, failed = client.deliveries(limit=2, recording_id="r1").deliveries
    assert (waiting.type, failed.state) == ("recording.finished", "failed")
    assert client.retry_delivery(failed.id).state == "waiting"
    client.delete(started.id)
    assert client.recordings().total == 0
    return stopped


async def test_every_method(url: str, tmp_path: Path) -> None:
    with Client(url, api_key=KEY) as client:
        stopped = await asyncio.to_thread(everything, client, str(tmp_path))
    assert stopped.duration_seconds == 120.5


async def test_the_same_for_asyncio(url: str) -> None:
    async with AsyncClient(f"{url}/", api_key=KEY) as client:
        started, health = await asyncio.gather(client.start(ROOM), client.health())
        assert (started.mint_id, started.start_time is not None) == (ROOM, True)
        assert health.version
        stopped: Stopped = await client.stop(ROOM)
        assert stopped.final_path is not None
        assert stopped.final_path.endswith(".av1")


def test_each_description_is_a_method_of_both() -> None:
    described = {
        name
        for name, function in inspect.getmembers(calls, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == calls.__name__
    }
    assert described <= set(dir(Client)) & set(dir(AsyncClient))
    assert Client.start.__doc__ == AsyncClient.start.__doc__ == calls.start.__doc__


def test_options_are_those_of_the_api() -> None:
    assert Options.__optional_keys__ == set(StartBody.model_fields) - {"mint_id"}


def test_sources_are_those_of_the_api() -> None:
    assert StreamSource.__optional_keys__ == set(StreamBody.model_fields) - {"mint_id"}


def test_exported_names() -> None:
    assert orchestrator.client.__all__ == ["AsyncClient", "Client", "ClientError"]


async def ask(kind: str, call: Call[Any], url: str, api_key: str | None = KEY) -> Any:
    """Sends one request with either client."""
    if kind == "asyncio":
        async with AsyncClient(url, api_key=api_key, timeout_s=30) as client:
            return await client.send(call)
    with Client(url, api_key=api_key, timeout_s=30) as waiting:
        return await asyncio.to_thread(waiting.send, call)


Raised = Callable[..., Awaitable[ClientError]]


@pytest.fixture(params=["waiting", "asyncio"])
def raised(request: pytest.FixtureRequest, url: str) -> Raised:
    """What a call that fails raises, by either client."""

    async def of(call: Call[Any], url: str = url, api_key: str | None = KEY) -> ClientError:
        with pytest.raises(ClientError) as caught:
            await ask(request.param, call, url, api_key)
        return caught.value

    return of


async def test_failures_are_raised_in_the_servers_words(
    raised: Raised, manager: MemoryManager
) -> None:
    error = await raised(calls.start("nobody"))
    assert (error.code, error.status, error.retry_after_s) == ("stream_not_found", 404, None)
    assert error.error == "Stream not found or not live for mint_id: nobody"
    assert error.detail == str(error) != error.error
    manager.raises = SourceBusy("Wait.", "So long.", retry_after_s=30)
    error = await raised(calls.start(ROOM))
    assert (error.status, error.retry_after_s, error.context) == (503, 30, {"retry_after_s": 30})
    error = await raised(calls.recordings(limit=0))
    assert (error.code, [problem.field for problem in error.fields]) == ("validation", ["limit"])


async def test_no_server_or_no_recorder(raised: Raised, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
    error = await raised(calls.health(), nowhere)
    assert (error.code, error.status) == ("no_answer", None)
    assert "orchestrator serve" in error.detail
    error = await raised(calls.health(), f"{url}/docs/..", None)
    assert (error.code, error.status) == ("unauthorized", 401)
    error = await raised(Call("GET", "../docs", Stopped))
    assert (error.code, error.status) == ("unexpected_answer", 200)


async def test_a_date_to_try_again_at_is_read(raised: Raised) -> None:
    body = b'{"success": false, "error": "Busy", "detail": "Busy.", "code": "source_busy"}'
    head = (
        f"HTTP/1.1 503 Busy\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        f"Retry-After: {formatdate(time.time() + 100, usegmt=True)}\r\n\r\n"
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        error = await raised(calls.health(), f"http://127.0.0.1:{port}")
    assert error.status == 503
    assert error.retry_after_s == pytest.approx(100, abs=30)
