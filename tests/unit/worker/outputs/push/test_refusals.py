"""Pushes by WHIP whose video is refused, by a real ffmpeg."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.settings import Settings
from orchestrator.worker.outputs.push.connecting import Connecting
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from tests.kit.ports import free_port
from tests.kit.pushes.growing import Growing, pushed, segment
from tests.kit.sources.url_sender import Film

pytestmark = pytest.mark.all_only


@pytest.fixture
def whole(tmp_path: Path) -> Growing:
    """One segment of H.264 of the profile High, which has ended."""
    options = (("bf", "0"), ("preset", "veryfast"), ("profile", "high"))
    film = Film(seconds=6, options=options).make(tmp_path / "film.mkv")
    path = segment(film, tmp_path / "0001.mp4")
    write_position(path, SegmentPosition(0.0, 1))
    return Growing(tmp_path, [(1, path)], end_s=6)


@asynccontextmanager
async def refusing(port: int, offers: list[str]) -> AsyncIterator[None]:
    """A WHIP server that takes no offer."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        offers.append((await reader.readexactly(int(length[1]) if length else 0)).decode())
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", port):
        yield


async def test_whip_is_offered_as_it_is_then_in_the_profile_that_all_take(
    whole: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reserve(*_: object) -> None: ...

    monkeypatch.setattr(Connecting, "_reserve", reserve)
    port, offers = free_port(), list[str]()
    url, token = f"whip+http://127.0.0.1:{port}/a-secret-place", "a-token-nobody-may-see"
    settings = Settings(allow_private_targets=True)
    async with refusing(port, offers), pushed(whole, url, settings, token) as push:
        await push.rows.until(lambda row: row["state"] == "retrying")
        first = dict(push.rows.row)
        more = whole.work / "0002.mp4"
        write_position(more, SegmentPosition(6.0, 1))
        shutil.copy(whole.files[0][1], more)
        whole.files.append((1, more))
        await push.rows.until(lambda row: row.get("attempts", 0) >= 2)
    profiles = [re.search(r"profile-level-id=(..)", offer) for offer in offers[:2]]
    assert [found and found[1] for found in profiles] == ["64", "42"]
    assert "doesn't take its video" in first["error"]
    assert "encoded" in first["detail"]
    log = "".join(path.read_text() for path in whole.work.glob("push*.log"))
    assert "HTTP error 400" in log
    assert not re.search(f"{token}|a-secret-place", log + str(push.rows.row))
