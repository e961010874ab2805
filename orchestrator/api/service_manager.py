"""Notifies systemd that the server listens, lives and stops.

The protocol of sd_notify(3): each message is a datagram to the socket named by $NOTIFY_SOCKET.
Without that variable nothing is sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Final, NoReturn

import structlog

from orchestrator.periodic import Periodic

log = structlog.get_logger(__name__)

_SOCKET: Final = "NOTIFY_SOCKET"
_INTERVAL: Final = "WATCHDOG_USEC"
_WATCHED_PID: Final = "WATCHDOG_PID"


class ServiceManager:
    """The service manager that started this process, if one did and wants notifications.

    Takes its variables out of the environment, so that no worker or ffmpeg answers for the server.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = _address(environment.pop(_SOCKET, ""))
        self._interval_s = _watchdog_interval_s(environment)
        environment.pop(_INTERVAL, None)
        environment.pop(_WATCHED_PID, None)
        self._watchdog: asyncio.Task[NoReturn] | None = None

    def ready(self) -> None:
        """The server answers; from now on the watchdog, if there is one, is kept quiet."""
        self._send("READY=1")
        if self._address and self._interval_s is not None:
            # A task of the event loop that serves: where the loop hangs, the messages stay away.
            # Not uvicorn's `callback_notify`, which measures its period with the wall clock.
            alive = Periodic(partial(self._send, "WATCHDOG=1"), self._interval_s, failure=None)
            self._watchdog = asyncio.create_task(alive.run())

    def stopping(self) -> None:
        """The server stops; systemd's watchdog ends with that, and so do our messages to it."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not notified", message=message, error=str(error))


def _address(name: str) -> str:
    """The socket's address; a leading @ stands for the zero byte of Linux's abstract sockets."""
    return f"\0{name[1:]}" if name.startswith("@") else name


def _watchdog_interval_s(environment: Mapping[str, str]) -> float | None:
    """Half of what systemd waits for a message, as sd_watchdog_enabled(3) advises.

    None where no watchdog is set, or it is another process's.
    """
    limit_us = environment.get(_INTERVAL, "")
    watched_pid = environment.get(_WATCHED_PID, str(os.getpid()))
    if not limit_us.isdecimal() or int(limit_us) == 0 or watched_pid != str(os.getpid()):
        return None
    return int(limit_us) / 1_000_000 / 2
