"""A session's end. A real ffmpeg reads a real file."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.media import UrlEndpoint
from orchestrator.settings import Settings
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.url.session import UrlInput, UrlSession
from orchestrator.url_input.program import program
from tests.kit.sources.url_sender import Film


class Broken(Receiver):
    """Can't take a frame."""

    def frame_timed(self, *frame: Any) -> None:
        raise RuntimeError("broken")


async def test_an_error_of_ours_ends_the_session_and_is_reported(tmp_path: Path) -> None:
    film = Film(seconds=3).make(tmp_path / "film.mkv")
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: reported.append(context["exception"])
    )
    given = UrlInput(partial(program, Settings()), tmp_path / "input.log")
    endpoint = UrlEndpoint(film.as_uri())
    session = UrlSession(endpoint, Broken(lambda event: None), given, connect_timeout_s=10)
    try:
        await session.start()
        await session.subscribe(frozenset({"video", "audio"}))
        end = await asyncio.wait_for(session.wait_until_ended(), 10)
    finally:
        await session.close()
    assert (end.reason, end.again) == ("an internal error", True)
    assert [str(each) for each in reported] == ["broken"]
