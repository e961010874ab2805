"""Networks that fail: a way that can be cut, a namespace that loses packets, a wall without UDP."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit.ports import free_port

UDP_PORT: Final = 7882
"""What comes from this port is lost in a `lossy` namespace."""

_INTERFACES: Final = (
    "ip link set lo up",
    # libwebrtc, which publishes, gathers no candidates on the loopback interface.
    "ip link add haven0 type veth peer name haven1",
    "ip address add 192.0.2.1/24 dev haven0",
    "ip link set haven0 up",
    "ip link set haven1 up",
)

_PATH: Final = f"{os.environ['PATH']}:/usr/sbin:/sbin"
"""Where these tools are is not always in a user's own path."""


class Wire:
    """A TCP relay to a port of this machine, which can be cut and restored."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()
        self.port = free_port()

    async def restore(self) -> None:
        """Lets connections through, at the same port as before."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Ends all connections and refuses new ones."""
        if self._server is not None:
            self._server.close()
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except ConnectionRefusedError:  # nobody is there now
            writer.close()
            return
        ways = [self._flow(reader, back), self._flow(there, writer)]
        tasks = {asyncio.create_task(way) for way in ways}
        self._flows |= tasks
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._flows -= tasks
        for end in (back, writer):
            end.close()

    @staticmethod
    async def _flow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return


@asynccontextmanager
async def wired(port: int) -> AsyncIterator[Wire]:
    """A relay to the port, open."""
    wire = Wire(port)
    await wire.restore()
    try:
        yield wire
    finally:
        await wire.cut()


def why_no_namespaces() -> str | None:
    """What is missing for `lossy`; None if it can be used."""
    if os.geteuid() != 0:
        return "a network namespace needs root"
    missing = [tool for tool in ("ip", "nft") if shutil.which(tool, path=_PATH) is None]
    packages = {"ip": "iproute2", "nft": "nftables"}
    if missing:
        return f"not installed: {', '.join(packages[tool] for tool in missing)}"
    return None


@contextmanager
def lossy(percent: int) -> Iterator[list[str]]:
    """A namespace that loses packets from `UDP_PORT`; gives what to begin a command with."""
    name = f"haven-{os.getpid()}"
    inside = [shutil.which("ip", path=_PATH) or "ip", "netns", "exec", name]
    rules = (
        "table inet loss { chain out { type filter hook output priority 0;\n"
        f"udp sport {UDP_PORT} numgen random mod 100 < {percent} drop\n}}\n}}\n"
    )
    _root("ip", "netns", "add", name)
    try:
        for command in _INTERFACES:
            _root(*inside, *command.split())
        _root(*inside, "nft", "-f", "-", told=rules)
        yield inside
    finally:
        _root("ip", "netns", "delete", name)


OUTSIDE: Final = "192.0.2.1"
"""Where servers are in the world that `walled` makes."""

TURN_DOMAIN: Final = "turn.haven.test"
"""A name for it."""


@dataclass(frozen=True)
class Walled:
    """What to begin a command with, so that it runs outside or inside of the wall."""

    outside: list[str]
    inside: list[str]


@contextmanager
def walled() -> Iterator[Walled]:
    """Two namespaces with a wire between them; no UDP gets into the inside or out of it."""
    names = [f"haven-{side}-{os.getpid()}" for side in ("outside", "inside")]
    ip = shutil.which("ip", path=_PATH) or "ip"
    outside, inside = ([ip, "netns", "exec", name] for name in names)
    hosts = Path("/etc/netns") / names[1] / "hosts"
    rules = (
        "table inet wall { chain in { type filter hook input priority 0; meta l4proto udp drop\n}\n"
        "chain out { type filter hook output priority 0; meta l4proto udp drop\n}\n}\n"
    )
    for name in names:
        _root("ip", "netns", "add", name)
    try:
        _root(*outside, *["ip", "link", "add", "haven0", "type", "veth", "peer", "name", "haven1"])
        _root(*outside, *f"ip link set haven1 netns {names[1]}".split())
        for side, device, address in (
            (outside, "haven0", OUTSIDE),
            (inside, "haven1", "192.0.2.2"),
        ):
            _root(*side, *["ip", "link", "set", "lo", "up"])
            _root(*side, *f"ip address add {address}/24 dev {device}".split())
            _root(*side, *f"ip link set {device} up".split())
        _root(*inside, "nft", "-f", "-", told=rules)
        hosts.parent.mkdir(parents=True)
        hosts.write_text(f"{OUTSIDE} {TURN_DOMAIN}\n")
        yield Walled(outside, inside)
    finally:
        for name in names:
            _root("ip", "netns", "delete", name)
        shutil.rmtree(hosts.parent, ignore_errors=True)


def _root(*command: str, told: str | None = None) -> None:
    environment = os.environ | {"PATH": _PATH}
    subprocess.run(command, input=told, text=True, check=True, env=environment)
