"""A player of a running recording's HLS that keeps all it gets, and an ffmpeg that plays it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import httpx

from orchestrator.ffmpeg_environment import passed_on
from tests.kit.fakes import REAL

RELOAD_S: Final = 0.5
_LINE: Final = re.compile(r'#EXT-X-(?P<tag>[A-Z-]+)(?::(?:URI="(?P<uri>.+)"|(?P<value>.+)))?$')


@dataclass(frozen=True, slots=True)
class Listed:
    """A piece as a playlist has it."""

    uri: str
    init: str
    length_s: float
    discontinuity: bool
    at: datetime | None = field(compare=False)
    """What EXT-X-PROGRAM-DATE-TIME says before it: it moves once, with a recording's time zero."""


def listed(playlist: str) -> list[Listed]:
    """The pieces of a media playlist."""
    found: list[Listed] = []
    init, length_s, discontinuity, at = "", 0.0, False, None
    for line in playlist.splitlines():
        tag = _LINE.match(line)
        if tag is None:
            if line.startswith("#EXTINF:"):
                length_s = float(line.removeprefix("#EXTINF:").partition(",")[0])
            elif line and not line.startswith("#"):
                found.append(Listed(line, init, length_s, discontinuity, at))
                discontinuity, at = False, None
        elif tag["tag"] == "MAP":
            init = tag["uri"]
        elif tag["tag"] == "DISCONTINUITY":
            discontinuity = True
        elif tag["tag"] == "PROGRAM-DATE-TIME":
            at = datetime.fromisoformat(tag["value"])
    return found


@dataclass
class HlsPlayer:
    """Reloads a recording's playlist until it ends, and gets each piece once, when it is listed.

    While the server is away it tries again.
    """

    url: str
    """Of the recording's folder of HLS."""
    pieces: list[Listed] = field(default_factory=list)
    """Those that it has got."""
    data: dict[str, bytes] = field(default_factory=dict)
    """Of pieces and headers, by their addresses."""
    changed: list[str] = field(default_factory=list)
    """What reloads had otherwise than before: nothing may."""
    away: int = 0
    """Requests that got no answer."""

    @property
    def runs(self) -> list[list[Listed]]:
        """Pieces from one header to the next."""
        return [list(each) for _, each in groupby(self.pieces, lambda piece: piece.init)]

    async def play(self) -> None:
        """Until the playlist has its end."""
        async with httpx.AsyncClient(base_url=self.url, timeout=15) as client:
            while True:
                playlist = (await self._get(client, "video.m3u8")).decode()
                for piece in self._new(listed(playlist)):
                    for uri in (piece.init, piece.uri):
                        if uri not in self.data:
                            self.data[uri] = await self._get(client, uri)
                    self.pieces.append(piece)
                if "#EXT-X-ENDLIST" in playlist:
                    return
                await asyncio.sleep(RELOAD_S)

    async def _get(self, client: httpx.AsyncClient, name: str) -> bytes:
        while True:
            try:
                answer = await client.get(f"/{name}")
            except httpx.TransportError:
                self.away += 1
            else:
                if answer.status_code != 503:
                    return answer.raise_for_status().content
            await asyncio.sleep(RELOAD_S / 2)

    def _new(self, pieces: list[Listed]) -> list[Listed]:
        before = len(self.pieces)
        if pieces[:before] != self.pieces:
            self.changed.append(f"{self.pieces[-3:]} became {pieces[:before][-3:]}")
        return pieces[before:]

    def write(self, folder: Path) -> list[Path]:
        """A file for each run: its header, and its pieces one behind the other."""
        folder.mkdir()
        paths = []
        for number, run in enumerate(self.runs):
            paths.append(folder / f"run{number}.mp4")
            media = [self.data[piece.uri] for piece in run]
            paths[-1].write_bytes(b"".join([self.data[run[0].init], *media]))
        return paths


class HlsFfmpeg:
    """An ffmpeg that plays the video from the playlist's beginning, and lists its packets."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process, self._log = process, log

    @property
    def packets(self) -> int:
        """That have come so far."""
        return sum(not line.startswith("#") for line in self._log.read_text().splitlines())

    async def until_ended(self) -> int:
        """When it has read the playlist's end: how many packets there were."""
        async with asyncio.timeout(60):
            assert await self._process.wait() == 0
        return self.packets


@asynccontextmanager
async def ffmpeg_playing(url: str, log: Path) -> AsyncIterator[HlsFfmpeg]:
    """Of a recording's folder of HLS; `log`: where its packets are listed."""
    reading = ("-live_start_index", "0", "-i", f"{url}/master.m3u8", "-map", "0:v", "-c", "copy")
    writing = ("-flush_packets", "1", "-f", "framecrc", "-y", str(log))
    log.touch()
    process = await asyncio.create_subprocess_exec(
        *(str(REAL), "-v", "error", "-nostdin", *reading, *writing), env=passed_on()
    )
    try:
        yield HlsFfmpeg(process, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
