"""A real uvicorn around a manager, in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import uvicorn

from orchestrator.api.app import create_app
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.server import configuration, listening, url_of

Served = Callable[..., AbstractAsyncContextManager[str]]


class _Quiet(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(manager: Manager, port: int = 0) -> AsyncIterator[str]:
    """The base URL of a server for this manager, which it opens and closes."""
    with listening("127.0.0.1", port) as listener:
        server = _Quiet(configuration(create_app(manager)))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(15):
                while not server.started:
                    if task.done():
                        task.result()
                    await asyncio.sleep(0.01)
            yield url_of(listener)
        finally:
            server.should_exit = True
            await task
