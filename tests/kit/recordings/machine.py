"""A machine of its own for a test: `orchestrator serve` as a process, and all that comes of it.

Everything runs in one folder (catalog, files, temporary folder), and every process has it as its
current folder: so a test sees what is left, and can switch all of it off at once.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.kit.livekit.server import KEY, SECRET, Server
from tests.kit.recordings.waits import eventually

ROOT = Path(__file__).parents[3]


class Machine:
    """One folder, in which servers run one after the other."""

    def __init__(self, folder: Path, livekit: Server | None = None) -> None:
        self.folder = folder
        self.out, self.temporary = folder / "out", folder / "tmp"
        self.temporary.mkdir()
        self.out.mkdir()
        self.settings: dict[str, str] = {
            "DATABASE_URL": f"sqlite:///{folder / 'catalog.db'}",
            "OUTPUT_DIRECTORY": str(self.out),
            "DISK_RESERVE_BYTES": "0",
            "CPU_LIMIT": "10",
            "SPEED_STEP": "default",
            "CALIBRATE_AT_START": "false",
            "WORKER_IN_RESERVE": "false",
            "DISCOVERY": "livekit" if livekit else "demo",
        }
        self.more: dict[str, str] = {}
        """What the environment of its servers holds beside that."""
        if livekit:
            self.settings |= {
                "LIVEKIT_URL": livekit.url,
                "LIVEKIT_API_KEY": KEY,
                "LIVEKIT_API_SECRET": SECRET,
            }

    def environment(self) -> dict[str, str]:
        """What the server's process is given."""
        named = {f"ORCHESTRATOR_{name}": value for name, value in self.settings.items()}
        kept = {n: v for n, v in os.environ.items() if not n.startswith("ORCHESTRATOR_")}
        own = {"TMPDIR": str(self.temporary), "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        return kept | own | named | self.more

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[ServerProcess]:
        """A server that answers; killed at the end if it still runs."""
        arguments = ("-m", "orchestrator", "serve", "--port", str(port))
        errors = (self.folder / "server.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            stdout=PIPE,
            stderr=errors,
            cwd=self.folder,
            env=self.environment(),
        )
        errors.close()
        server = await ServerProcess.answering(process, self.log)
        try:
            yield server
        finally:
            await server.close()

    async def run(self, *arguments: str) -> tuple[int | None, str]:
        """One command from its start to its end; its exit code and what it said on stderr."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orchestrator", *arguments),
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.folder,
            env=self.environment(),
        )
        async with asyncio.timeout(90):
            _, errors = await process.communicate()
        return process.returncode, errors.decode()

    def log(self) -> str:
        """What all servers wrote."""
        return (self.folder / "server.log").read_text()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs here."""
        return [p for p in psutil.process_iter() if _folder_of(p) == self.folder]

    async def until_written(self, segments: int = 1) -> None:
        """Waits until so many segments are more than the head of a file.

        A busy ffmpeg is late, and nothing is written before audio has its place.
        """
        await eventually(
            lambda: sum(path.stat().st_size > 8192 for path in self.out.glob(".*/0*")) >= segments,
            lambda: list(self.out.glob(".*/*")),
            within_s=60,
        )

    def switch_off(self) -> None:
        """Ends everything at the same moment, as a power cut does."""
        running: set[psutil.Process] = set()
        # Stopped first: nobody can react to the other's end. Until there are no more: one may be
        # starting another just now.
        while started := set(self.processes()) - running:
            for process in started:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGSTOP)
            running |= started
        for process in running:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(running, timeout=20)

    def leftovers(self) -> list[str]:
        """Processes, pipes, temporary folders and locks that are here and should not be."""
        found = [f"process {' '.join(p.cmdline())}" for p in self.processes()]
        found += [f"temporary {path}" for path in self.temporary.iterdir()]
        found += [f"lock {path}" for path in self.folder.glob("*.server")]
        found += [f"work {path}" for path in self.out.glob(".*")]
        return found + [f"pipe {path}" for path in _pipes(self.folder)]

    async def until_nothing_is_left(self) -> None:
        """Waits for the last of it to go."""
        await eventually(lambda: not self.leftovers(), self.leftovers, within_s=30)


class ServerProcess:
    """A running server."""

    def __init__(self, process: Process, url: str) -> None:
        self.process, self.url = process, url
        self.port = int(url.rpartition(":")[2])
        self.client = httpx.AsyncClient(base_url=url, timeout=150)

    @classmethod
    async def answering(cls, process: Process, log: Callable[[], str]) -> ServerProcess:
        """Once it has said its address."""
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        found = re.match(r"Haven Recorder listens on (http://\S+) ", line)
        assert found, line + log()
        return cls(process, found[1])

    async def get(self, path: str) -> dict[str, Any]:
        """The answer to a GET."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def fetch(self, path: str) -> bytes:
        """What a GET gives that isn't JSON."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """The answer to a POST that succeeds."""
        answer = await self.ask(path, **body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask(self, path: str, **body: Any) -> httpx.Response:
        """The answer to a POST, whatever it is."""
        return await self.client.post(path, json=body)

    async def ask_to_start(self, room: str, **how: Any) -> httpx.Response:
        """The answer to a start, whatever it is."""
        return await self.ask("/api/recording/start", mint_id=room, video_quality="low", **how)

    async def start(self, room: str, output_format: str = "mp4") -> str:
        """Begins a recording; its id."""
        return await self._start(room, output_format=output_format)

    async def start_copy(self, room: str) -> str:
        """Begins a recording that copies; its id."""
        return await self._start(room, pipeline="copy")

    async def _start(self, room: str, **how: str) -> str:
        answer = await self.ask_to_start(room, **how)
        assert answer.status_code == 200, answer.text
        listed = await self.get("/api/recordings?state=recording")
        return next(str(r["id"]) for r in listed["recordings"] if r["mint_id"] == room)

    async def until_recorded(self, id: str, seconds: float) -> None:
        """Until so much of it is recorded."""
        async with asyncio.timeout(90):
            while ((await self.recording(id))["duration_seconds"] or 0) < seconds:
                await asyncio.sleep(0.05)

    async def until_state(self, id: str, state: str) -> None:
        """Until the recording is in this state; a publisher that vanishes is missed after 30 s."""
        async with asyncio.timeout(60):
            while (await self.recording(id))["state"] != state:
                await asyncio.sleep(0.1)

    async def recording(self, id: str) -> dict[str, Any]:
        """All that is known of it."""
        return await self.get(f"/api/recordings/{id}")

    async def until_ended(self, id: str) -> dict[str, Any]:
        """The recording once it is completed or failed."""
        async with asyncio.timeout(90):
            while (row := await self.recording(id))["state"] not in ("completed", "failed"):
                await asyncio.sleep(0.05)
        return row

    async def end(self, number: signal.Signals) -> None:
        """Signals it, and waits until it is gone."""
        self.process.send_signal(number)
        await self.until_gone()

    async def until_gone(self) -> None:
        """Waits until it has ended."""
        async with asyncio.timeout(90):
            await self.process.wait()

    async def close(self) -> None:
        """Kills it if it still runs."""
        await self.client.aclose()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


def _folder_of(process: psutil.Process) -> Path | None:
    try:
        return Path(process.cwd())
    except (psutil.Error, OSError):
        return None


def _pipes(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if stat.S_ISFIFO(path.lstat().st_mode):
            yield path
