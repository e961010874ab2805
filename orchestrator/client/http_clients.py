"""The two clients. `calls` describes the requests; this module sends them and reads responses."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Generic, ParamSpec, Self, TypeVar, overload

import httpx
from pydantic import TypeAdapter, ValidationError

from orchestrator.api.schemas.common import Failure
from orchestrator.client import calls
from orchestrator.client.calls import Call
from orchestrator.client.errors import ClientError, no_answer, unexpected
from orchestrator.retry_after_header import retry_after_s
from orchestrator.stop_policy import STOP

URL: Final = "http://127.0.0.1:8000"
TIMEOUT_S: Final = STOP.client_s
"""No request takes longer than /stop, which finishes and verifies the file of a long recording."""

CONNECT_S: Final = 5.0

P = ParamSpec("P")
T = TypeVar("T")


class _Method(Generic[P, T]):
    """A method of both clients, which returns the response or a coroutine of it."""

    def __init__(self, describe: Callable[P, Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Any:
        if client is None:
            return self

        def method(*given: P.args, **named: P.kwargs) -> T | Coroutine[Any, Any, T]:
            return client.send(self._describe(*given, **named))

        method.__doc__ = self.__doc__
        return method


class _Methods:
    """The methods of both clients; all raise ClientError."""

    start = _Method(calls.start)
    pause, resume = _Method(calls.pause), _Method(calls.resume)
    stop = _Method(calls.stop)
    status = _Method(calls.status)
    active = _Method(calls.active)
    output_directory = _Method(calls.output_directory)
    set_output_directory = _Method(calls.set_output_directory)
    formats = _Method(calls.formats)
    watch = _Method(calls.watch)
    watches = _Method(calls.watches)
    unwatch = _Method(calls.unwatch)
    recordings = _Method(calls.recordings)
    recording = _Method(calls.recording)
    delete = _Method(calls.delete)
    outputs = _Method(calls.outputs)
    add_output = _Method(calls.add_output)
    remove_output = _Method(calls.remove_output)
    retry_output = _Method(calls.retry_output)
    deliveries = _Method(calls.deliveries)
    retry_delivery = _Method(calls.retry_delivery)
    encode = _Method(calls.encode)
    encodes = _Method(calls.encodes)
    get_encode = _Method(calls.get_encode)
    cancel_encode = _Method(calls.cancel_encode)
    pause_encodes = _Method(calls.pause_encodes)
    streams = _Method(calls.streams)
    stream = _Method(calls.stream)
    add_stream = _Method(calls.add_stream)
    remove_stream = _Method(calls.remove_stream)
    health = _Method(calls.health)


class Client(_Methods):
    """A blocking client. `with Client() as client: client.start("demo")`."""

    def __init__(
        self, url: str = URL, *, api_key: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = httpx.Client(**_configuration(url, api_key, timeout_s))

    def send(self, call: Call[T]) -> T:
        """Sends a request; returns its response."""
        try:
            answer = self._http.request(call.method, call.path, **_contents(call))
        except httpx.HTTPError as error:
            raise no_answer(str(self._http.base_url), _reason(error)) from error
        return _read(call, answer)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Methods):
    """A client for asyncio. `async with AsyncClient() as client: await client.start("demo")`."""

    def __init__(
        self, url: str = URL, *, api_key: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = httpx.AsyncClient(**_configuration(url, api_key, timeout_s))

    async def send(self, call: Call[T]) -> T:
        """Sends a request; returns its response."""
        try:
            answer = await self._http.request(call.method, call.path, **_contents(call))
        except httpx.HTTPError as error:
            raise no_answer(str(self._http.base_url), _reason(error)) from error
        return _read(call, answer)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _configuration(url: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    return {
        "base_url": f"{url.rstrip('/')}/api/",
        "headers": {"X-API-Key": api_key} if api_key else {},
        "timeout": httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
    }


def _contents(call: Call[T]) -> dict[str, Any]:
    return {"json" if call.method in ("POST", "PUT") else "params": call.given}


def _reason(error: httpx.HTTPError) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _read(call: Call[T], answer: httpx.Response) -> T:
    """The response in its type; ClientError if it is an error or not from a recorder."""
    wanted: type[T] | type[Failure] = call.answer if answer.is_success else Failure
    try:
        read = TypeAdapter(wanted).validate_json(answer.content)
    except ValidationError as error:
        raise unexpected(str(answer.url), answer.status_code) from error
    if isinstance(read, Failure):
        wait = retry_after_s(answer.headers.get("retry-after"))
        raise ClientError(read, answer.status_code, wait)
    return read
