"""systemd's sd_notify(3) protocol, over real datagram sockets, of a server in its own process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator.api.service_manager import ServiceManager

WATCHDOG_US = 400_000


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As $NOTIFY_SOCKET has it."""
    if request.param == "path":
        return str(tmp_path / "notify")
    if sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")
    return f"@haven-recorder-test-{os.getpid()}"


@pytest.fixture
def systemd(address: str) -> Iterator[socket.socket]:
    """The socket that systemd would read."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        listener.settimeout(20)
        yield listener


def next_of(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


def waiting(systemd: socket.socket) -> list[str]:
    """What has come and wasn't read yet."""
    systemd.setblocking(False)
    messages = []
    try:
        while True:
            messages.append(next_of(systemd))
    except BlockingIOError:
        return messages
    finally:
        systemd.settimeout(20)


def test_a_server_says_that_it_listens_lives_and_stops(
    systemd: socket.socket, address: str, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    environment = os.environ | {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(WATCHDOG_US)}
    command = (sys.executable, "-m", "tests.kit.api.server_program", str(hold), "0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            assert next_of(systemd) == "READY=1"
            port = re.search(r"127\.0\.0\.1:(\d+)", server.stdout.readline())
            assert port is not None
            socket.create_connection(("127.0.0.1", int(port[1])), timeout=5).close()
            assert [next_of(systemd) for _ in range(3)] == ["WATCHDOG=1"] * 3
            server.send_signal(signal.SIGTERM)
            while (message := next_of(systemd)) == "WATCHDOG=1":
                pass
            assert message == "STOPPING=1"
            assert server.stdout.readline() == "finishing\n"  # sent before recordings are finished
            hold.unlink()
            assert server.wait(20) == 0
            assert waiting(systemd) == []
        finally:
            server.kill()


async def test_without_a_watchdog_no_messages_are_due(systemd: socket.socket, address: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    manager.ready()
    manager.stopping()
    assert waiting(systemd) == ["READY=1", "STOPPING=1"]


async def test_another_process_watchdog_is_not_ours(systemd: socket.socket, address: str) -> None:
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    manager = ServiceManager(environment)
    assert environment == {}  # what we start doesn't answer for us
    manager.ready()
    assert manager._watchdog is None


async def test_nothing_is_sent_without_a_service_manager() -> None:
    manager = ServiceManager({"WATCHDOG_USEC": "1000"})
    with capture_logs() as lines:
        manager.ready()
        manager.stopping()
    assert (manager._watchdog, lines) == (None, [])


async def test_a_service_manager_that_is_gone_costs_a_warning(tmp_path: Path) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with capture_logs() as lines:
        manager.ready()
    assert [line["message"] for line in lines] == ["READY=1"]
