"""The demo: starts a server, records its demo stream over HTTP, reads the file, prints what it is.

Exits with 1 and one line when anything failed, or when the file is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.mediafiles.probe import Probe, probe
from orchestrator.stop_policy import STOP

START_TIMEOUT_S = 30.0
CODECS = {"av1": ("av1", "aac"), "mp4": ("h264", "aac"), "webm": ("vp9", "opus")}
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
"""The name that libav's demuxer has for it."""
OFF_S = 2.0
"""By how much the file may differ from the time asked for: start, stop and a slow machine."""

console = Console(highlight=False)


class DemoFailed(Exception):
    """Says what went wrong, in one line."""


@dataclass(frozen=True)
class Server:
    """The running server: where it answers, and where it writes its log."""

    url: str
    log: Path


def main() -> int:
    """Runs the demo; returns the exit code."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="haven-demo-") as folder:
            _run(asked, Path(folder))
    except (DemoFailed, httpx.HTTPError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(asked: argparse.Namespace, folder: Path) -> None:
    asked.output.mkdir(parents=True, exist_ok=True)
    with _serving(folder, asked.output.resolve()) as server:
        with httpx.Client(base_url=server.url, timeout=STOP.client_s) as client:
            path = _record(client, asked)
        if asked.serve:
            print(f"The server stays up at {server.url} until Ctrl-C.")
        else:
            print("./scripts/demo --serve leaves the server and its dashboard up.")
        print(path, flush=True)
        if asked.serve:
            signal.pause()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/demo", description="Record the demo stream.")
    parser.add_argument("--serve", action="store_true", help="leave the server up afterwards")
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for the file")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to record")
    parser.add_argument("--format", choices=CODECS, default="av1")
    return parser.parse_args()


# -- the server


@contextmanager
def _serving(folder: Path, output: Path) -> Iterator[Server]:
    log = folder / "server.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            _command(folder, output),
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={k: v for k, v in os.environ.items() if not k.startswith("ORCHESTRATOR_")},
            cwd=folder,  # no .env or orchestrator.toml of the caller
            text=True,
            start_new_session=True,  # Ctrl-C is for us; we stop the server in our own time
        )
    try:
        yield Server(_address(process, log), log)
    finally:
        _end(process)


def _command(folder: Path, output: Path) -> list[str]:
    database = f"sqlite:///{folder / 'catalog.db'}"
    options = {"--port": "0", "--discovery": "demo", "--database-url": database}
    words = [word for option in options.items() for word in option]
    serve = [sys.executable, "-m", "orchestrator", "serve", *words]
    return [*serve, "--output-directory", str(output)]


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """The URL in the first line the server prints."""
    stdout = process.stdout
    assert stdout is not None
    ready, _, _ = select.select([stdout], [], [], START_TIMEOUT_S)
    found = re.search(r"http://\S+", stdout.readline()) if ready else None
    if found is None:
        last = log.read_text().strip().splitlines()[-1:] or ["it wrote nothing"]
        raise DemoFailed(f"The server didn't start within {START_TIMEOUT_S:.0f} s: {last[0]}")
    return found[0]


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP.server_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


# -- the recording


def _record(client: httpx.Client, asked: argparse.Namespace) -> Path:
    """Records, and prints what the file is; returns its path."""
    begun_s = time.monotonic()
    wanted = {"mint_id": "demo", "output_format": asked.format, "video_quality": "high"}
    _post(client, "/api/recording/start", wanted)
    started_s = time.monotonic() - begun_s
    with Live(console=console, auto_refresh=False, transient=True) as live:
        last = _watch(client, live, asked.seconds)
    begun_s = time.monotonic()
    stopped = _post(client, "/api/recording/stop", {"mint_id": "demo"})
    stopped_s = time.monotonic() - begun_s
    path = Path(stopped["final_path"])
    made = probe(path, count_frames=True)
    figures = _answer(client.get(f"/api/recordings/{last['id']}")).get("figures") or {}
    _print(_report(path, made, figures, started_s, stopped_s))
    if problems := _problems(made, asked):
        raise DemoFailed(f"{path} is not as it should be: {'; '.join(problems)}.")
    console.print("[green]The file is as it should be.[/green]")
    if path.suffix == ".av1":
        print("It is an MP4; if your player doesn't know `.av1`, rename it to `.mp4`.")
    print(f".venv/bin/orchestrator inspect {shlex.quote(str(path))}   # looks into it")
    return path


def _watch(client: httpx.Client, live: Live, seconds: float) -> dict[str, Any]:
    end_s = time.monotonic() + seconds
    status: dict[str, Any] = {}
    while (left_s := end_s - time.monotonic()) > 0:
        status = _answer(client.get("/api/recording/status/demo"))
        if not status.get("is_recording"):
            raise DemoFailed(f"The recording ended by itself: {status.get('error') or status}")
        shown = f"Recording: {status.get('duration_seconds') or 0:.1f} s of {seconds:g} s"
        live.update(Text(shown), refresh=True)
        time.sleep(min(0.5, left_s))
    return status


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return _answer(client.post(path, json=body))


def _answer(response: httpx.Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    if response.is_error or answer.get("success") is False:
        said = f"{answer.get('error')} {answer.get('detail') or ''}".strip()
        raise DemoFailed(f"{response.request.url.path} answered {response.status_code}: {said}")
    return answer


# -- the report


def _report(
    path: Path, made: Probe, figures: dict[str, Any], started_s: float, stopped_s: float
) -> list[tuple[str, str]]:
    video, audio = made.video, made.audio
    return [
        ("file", path.name),
        ("container", "MP4" if made.container == MP4 else made.container or "-"),
        ("video", f"{video.codec} {video.width}x{video.height}" if video else "none"),
        ("audio", f"{audio.codec} {audio.sample_rate} Hz" if audio else "none"),
        ("duration", f"{made.duration_s or 0:.2f} s"),
        ("size", f"{made.size_bytes / 1e6:.2f} MB"),
        ("frames in the file", str(video.frames if video else "-")),
        *((f"frames {w}", _figure(figures, "video", w)) for w in ("received", "dropped", "filled")),
        (
            "CPU of the worker (of one core)",
            _figure(figures, "processes", "worker", "cpu_cores", form=".0%"),
        ),
        (
            "CPU of ffmpeg (of one core)",
            _figure(figures, "processes", "ffmpeg", "cpu_cores", form=".0%"),
        ),
        ("first frame after", f"{started_s:.1f} s"),
        ("file final after", f"{stopped_s:.1f} s"),
    ]


def _figure(figures: dict[str, Any], *path: str, form: str = ".0f") -> str:
    value: Any = figures
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return "-" if value is None else format(value, form)


def _print(rows: list[tuple[str, str]]) -> None:
    table = Table(box=box.ROUNDED, show_header=False, title="What was recorded")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    console.print(table)


def _problems(made: Probe, asked: argparse.Namespace) -> list[str]:
    """What is wrong with the file; empty when it is as it should be."""
    expected = CODECS[asked.format]
    found = (made.video and made.video.codec, made.audio and made.audio.codec)
    duration_s = made.duration_s or 0.0
    wrong = {
        f"it can't be played: {made.problem}": not made.playable,
        f"it should hold {' and '.join(expected)}": found != expected,
        f"it lasts {duration_s:.1f} s": abs(duration_s - asked.seconds) > OFF_S,
        "it has hardly any frames": not made.video or (made.video.frames or 0) < 10 * asked.seconds,
    }
    return [problem for problem, is_so in wrong.items() if is_so]


if __name__ == "__main__":
    sys.exit(main())
