"""What `orchestrator doctor` checks of streams with names of their own, and of those who publish
here. Each changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.errors import HavenError, NotLive
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.url_input.address import address_of

Verdict = Literal["ok", "warning", "failed"]

MOST_ASKED: Final = 10
"""Streams whose servers are asked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


async def whep_streams(settings: Settings) -> list[Finding]:
    """Whether the servers of the first few answer, and take their tokens."""
    named = ConfiguredDiscovery(settings.streams)
    ids = [id for id, defined in settings.streams.items() if defined.whep is not None]
    try:
        return await asyncio.gather(*(_whep_stream(named, id) for id in ids[:MOST_ASKED]))
    finally:
        await named.close()


async def _whep_stream(named: ConfiguredDiscovery, id: str) -> Finding:
    name = f"stream {id}"
    try:
        await named.look(id)
    except NotLive as absence:
        return Finding(name, "ok", f"not live now: {absence.error}")
    except HavenError as error:
        return Finding(name, "warning", error.error, error.detail)
    return Finding(name, "ok", "live")


async def file_streams(settings: Settings) -> list[Finding]:
    """Whether the files are there that streams are read from."""
    return await asyncio.to_thread(
        lambda: [
            _file(f"stream {id}", defined)
            for id, defined in settings.streams.items()
            if defined.url is not None and address_of(defined.url).scheme == "file"
        ]
    )


def _file(name: str, defined: StreamSettings) -> Finding:
    assert defined.url is not None
    path = address_of(defined.url).url.removeprefix("file:")
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        found = f"{path} can't be read: {error.strerror or error}"
        return Finding(name, "warning", found, "Correct its url, or restore the file.")
    return Finding(name, "ok", f"{path} can be read")


async def whip_ports(settings: Settings) -> list[Finding]:
    """Whether the UDP ports are free that publishers are to use."""
    if (ports := settings.whip_ports) is None:
        return []
    free = await asyncio.to_thread(lambda: sum(map(_is_free, ports)))
    found = f"{free} of {len(ports)} ports are free"
    if free == len(ports):
        return [Finding("whip_udp_ports", "ok", found)]
    advice = "Publishers that are connected have one each; if others have them, choose other ports."
    return [Finding("whip_udp_ports", "warning", found, advice)]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind(("", port))
        except OSError:
            return False
    return True
