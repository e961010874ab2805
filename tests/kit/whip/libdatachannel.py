"""libdatachannel as a publisher: what OBS sends WHIP with, in the order in which OBS uses it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Final

import av
import pytest
from av.bitstream import BitStreamFilterContext

from tests.kit.whip.publishing import KEY

VERSION: Final = "0.33.4"
PROGRAM: Final = Path(__file__).with_suffix(".mjs")

Frames = Iterator[tuple[str, float, bytes]]
"""Kind, time in seconds and data of each."""


def module() -> Path:
    """The folder of node-datachannel; skips the test if it, or Node.js, isn't there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / f"haven-recorder/node-datachannel-{VERSION}/node_modules/node-datachannel"
    if not found.is_dir() or which("node") is None:
        pytest.skip("no libdatachannel: ./scripts/node-datachannel gets it, with npm")
    return found


def write_frames(film: Path, to: Path, seconds: float) -> None:
    """The encoded frames of a film with H.264 and PCM, as the program reads them."""
    with av.open(str(film)) as source, to.open("w") as lines:
        frames = sorted([*_video(source, seconds), *_audio(film, seconds)], key=lambda one: one[1])
        for kind, at_s, data in frames:
            frame = {"kind": kind, "at": at_s, "data": base64.b64encode(data).decode()}
            lines.write(json.dumps(frame) + "\n")


def _video(
    source: av.container.InputContainer, seconds: float
) -> Iterator[tuple[str, float, bytes]]:
    stream = source.streams.video[0]
    annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
    for packet in source.demux(stream):
        for each in annex_b.filter(packet if packet.size else None):
            assert each.pts is not None
            assert each.time_base is not None
            if (at_s := float(each.pts * each.time_base)) < seconds:
                yield "video", at_s, bytes(each)


def _audio(film: Path, seconds: float) -> Frames:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.rate, encoder.layout, encoder.format = 48000, "stereo", av.AudioFormat("s16")
    resampler = av.AudioResampler("s16", "stereo", 48000, frame_size=960)
    sent = 0
    with av.open(str(film)) as source:
        for frame in source.decode(source.streams.audio[0]):
            for block in resampler.resample(frame):
                for packet in encoder.encode(block):
                    if sent < seconds * 50:
                        yield "audio", sent / 50, bytes(packet)
                    sent += 1


class Publisher:
    """A running program."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def line(self) -> str:
        """The next that it prints."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode().strip()

    async def leave(self) -> str:
        """Ends it as a user does; what it says of that."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        said = await self.line()
        await self.process.wait()
        return said

    async def vanish(self) -> None:
        """Nothing of it comes any more, not even an end."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def sending(url: str, stream: str, frames: Path) -> AsyncIterator[Publisher]:
    """Publishes frames (`write_frames`) in real time; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(PROGRAM), str(module()), f"{url}/whip/{stream}", KEY, str(frames)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    publisher = Publisher(process)
    try:
        yield publisher
    finally:
        if process.returncode is None:
            await publisher.vanish()
