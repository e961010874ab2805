"""HLS that a page asks for, answered in the browser itself: pieces that ffmpeg makes, of which more
and more are listed.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import imageio_ffmpeg
from playwright.async_api import Page, Route

from orchestrator.ffmpeg_environment import passed_on

CODECS: Final = "avc1.42c00d,mp4a.40.2"


async def make_pieces(folder: Path, seconds: int) -> None:
    """Pieces of a second each of H.264 and AAC in fragmented MP4: init.mp4, 0.m4s, 1.m4s, …"""
    video = f"testsrc2=size=320x180:rate=10:duration={seconds}"
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", video),
        *("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-shortest"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", "10"),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "hls", "-hls_time", "1"),
        *("-hls_segment_type", "fmp4", "-hls_segment_filename", f"{folder}/%d.m4s"),
        *("-hls_fmp4_init_filename", "init.mp4", f"{folder}/ffmpeg.m3u8"),
    ]
    process = await asyncio.create_subprocess_exec(*command, env=passed_on())
    assert await process.wait() == 0


@dataclass
class GrowingHls:
    """What is asked for below /api/recordings/{id}/hls/ in one page."""

    folder: Path
    seconds: int
    there: int
    """Pieces that are listed at first; one more each second."""
    codecs: str = CODECS
    ended: bool = False
    refusal: dict[str, str] | None = None
    """What is answered instead."""
    asked: list[str] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)

    @property
    def listed(self) -> int:
        """Pieces that are listed now."""
        grown = self.there + int(time.monotonic() - self.began_s)
        return self.seconds if self.ended else min(grown, self.seconds)

    async def answer_in(self, page: Page) -> None:
        """Answers from now on."""
        await page.route("**/api/recordings/*/hls/*", self._answer)

    async def _answer(self, route: Route) -> None:
        name = route.request.url.rpartition("/")[2].partition("?")[0]
        self.asked.append(name)
        if self.refusal is not None:
            await route.fulfill(status=404, json=self.refusal)
        elif name.endswith(".m3u8"):
            text = self._master() if name == "master.m3u8" else self._media()
            await route.fulfill(body=text, content_type="application/vnd.apple.mpegurl")
        else:
            await route.fulfill(path=self.folder / name, content_type="video/mp4")

    def _master(self) -> str:
        stream = f'#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS="{self.codecs}"'
        return f"#EXTM3U\n#EXT-X-VERSION:7\n{stream}\nmedia.m3u8\n"

    def _media(self) -> str:
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1"]
        lines += ["#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-INDEPENDENT-SEGMENTS"]
        lines.append('#EXT-X-MAP:URI="init.mp4"')
        for number in range(self.listed):
            lines += ["#EXTINF:1.0,", f"{number}.m4s"]
        return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if self.ended else [])]) + "\n"
