"""A real LiveKit server for tests, and settings of a recorder that uses it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx
from livekit import api

from orchestrator.settings import Settings
from tests.kit.ports import free_port

VERSION: Final = "v1.13.3"
KEY: Final = "devkey"
SECRET: Final = "secret-of-the-tests-with-32-letters"


def server_binary() -> Path | None:
    """The LiveKit server: $HAVEN_LIVEKIT_SERVER, else the one scripts/livekit-server built."""
    if given := os.environ.get("HAVEN_LIVEKIT_SERVER"):
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "haven-recorder" / f"livekit-server-{VERSION}" / "livekit-server"
    return built if built.exists() else None


def settings_of(url: str, folder: Path, /, **changes: Any) -> Settings:
    """A recorder's for a LiveKit server of the tests, with all it writes in one folder."""
    base: dict[str, Any] = {
        "livekit_url": url,
        "livekit_api_key": KEY,
        "livekit_api_secret": SECRET,
        "discovery": ["livekit"],
        "database_url": f"sqlite:///{folder / 'catalog.db'}",
        "output_directory": folder / "out",
        "disk_reserve_bytes": 0,
        # Several on a machine that is too small for them is what some tests want.
        "cpu_limit": 10,
        "speed_step": "default",
        "log_level": "warning",
    }
    return Settings(**(base | changes))


class Address:
    """Where a LiveKit server of the tests is, for who joins its rooms."""

    def __init__(self, url: str) -> None:
        self.url = url

    def token(
        self, room: str, identity: str, *, secret: str = SECRET, publish: bool = False
    ) -> str:
        """A token as discovery mints it (hidden, receives only), or a publisher's."""
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            hidden=not publish,
            recorder=not publish,
            can_publish=publish,
            can_publish_data=publish,
            can_update_own_metadata=publish,
            can_subscribe=True,
        )
        return api.AccessToken(KEY, secret).with_identity(identity).with_grants(grants).to_jwt()


class Server(Address):
    """A LiveKit server process on ports of its own, on one address; `more` of its configuration.

    `loopback`: it listens on 127.0.0.1 as well as on the machine's other addresses, and offers only
    what it listens on: for clients of WebRTC that take the first address of an answer, as ffmpeg.
    """

    def __init__(
        self,
        binary: Path,
        log: Path,
        udp_port: int | None = None,
        *,
        host: str = "127.0.0.1",
        more: str = "",
        loopback: bool = False,
    ) -> None:
        self._binary = binary
        self._host, self._more = host, more
        self._loopback = ", enable_loopback_candidate: true" if loopback else ""
        self._log = log
        self.port = free_port()
        super().__init__(f"ws://{host}:{self.port}")
        self._udp = udp_port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        config = (
            f"port: {self.port}\nbind_addresses: [{self._host}]\nkeys: {{{KEY}: {SECRET}}}\n"
            f"rtc: {{udp_port: {self._udp}, tcp_port: 0, use_external_ip: false"
            f"{self._loopback}}}\n"
            f"logging: {{level: info}}\n{self._more}"
        )
        command = [str(self._binary), "--config-body", config, "--node-ip", self._host]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, "the LiveKit server does not answer"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://{self._host}:{self.port}/", timeout=1).status_code == 200
        return False

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, abruptly unless another signal is given."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None
