"""Recordings that are copied: their files' tracks by name, as a player finds and decodes them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import File, Recording
from orchestrator.mediafiles.inspect.read import inspect
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.encoded.files import ReadTrack
from tests.kit.encoded.files import read as read_packets
from tests.kit.signals.reading import Reading, read


def asked(room: str, output_format: str | None = None, **more: Any) -> StartRequest:
    """For a copy of a room."""
    return StartRequest(room, output_format, "copy", **more)


def tracks(path: Path) -> dict[str, ReadTrack]:
    """The packets of each track, by its name."""
    found = read_packets(path)
    assert len({track.name for track in found}) == len(found), [track.name for track in found]
    return {track.name: track for track in found}


def heard(path: Path, name: str) -> Reading:
    """A file's first video, with the audio of this name."""
    audio = [track.name for track in read_packets(path) if track.codec in _AUDIO]
    return read(path, audio=audio.index(name))


def seen(path: Path, name: str) -> Reading:
    """The video of this name, with the file's first audio."""
    video = [track.name for track in read_packets(path) if track.codec not in _AUDIO]
    return read(path, video=video.index(name))


def decode_errors(path: Path) -> list[str]:
    """What the decoders of all tracks refused or found damaged."""
    found = inspect(path)
    problems = [] if found.error is None else [found.error]
    decodings = [each.decoding for each in found.video] + [each.decoding for each in found.audio]
    return problems + [
        str(each) for each in decodings if each and each.errors + each.corrupt_frames
    ]


async def until_summed(manager: Manager, id: str) -> list[File]:
    """The files of a recording that has ended, once their sums are known."""
    async with asyncio.timeout(30):
        while any(file.sha256 is None for file in await manager.catalog.files(id)):
            await asyncio.sleep(0.05)
    return await manager.catalog.files(id)


async def kinds(manager: Manager, recording: Recording) -> list[str]:
    """Of its event log."""
    return [event.kind for event in await manager.catalog.events(recording.id)]


async def event_log(manager: Manager, recording: Recording) -> str:
    """As it reads."""
    events = await manager.catalog.events(recording.id)
    return "\n".join(f"{event.kind}: {event.message}" for event in events)


_AUDIO = ("opus", "pcm_s16le", "aac")
