"""Ways of writing encoded frames into a file: what each costs, and what SIGKILL costs with it.

`./scripts/bench writers`: VP8 of 720p30 and 2.5 Mbit/s with Opus, in real time; then a screen that
changes once in 5 s, killed 4.9 s after a change. All ways at the same time, each a process of its
own.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import psutil
from rich.console import Console
from rich.table import Table

from orchestrator.media import SECOND_NS
from orchestrator.stream_copy.track import Packet
from tests.kit.encoded.frames import audio_frames, camera, microphone, noisy_video_frames

WAYS: Final = ("none", "packet_muxer", "libavformat", "ffmpeg")
"""As in `programs`; "none" takes the time of the loop around the others."""

_KILLED: Final = {"ffmpeg": ("ffmpeg", "writer")}
"""Which process is killed, where there are two."""


@dataclass(frozen=True)
class Ran:
    """One way of writing, until its process was killed."""

    way: str
    writer_cores: float
    ffmpeg_cores: float
    pss_mb: float
    """Of what came with the writing: the writer's growth, and all of ffmpeg."""
    first_byte_ms: float | None
    """From the first packet until the file has more than a header: its first frame, or more."""
    lost_s: float | None
    """Media written but not in the file."""


class Writer:
    """A process that writes as time goes by."""

    def __init__(self, way: str, case: str, seconds: float, folder: Path, victim: str) -> None:
        self.way, self._victim, self._seconds = way, victim, seconds
        self.path = folder / f"{case}-{way}-{victim}.mkv"
        program = [sys.executable, "-m", "scripts.benchmarks.writers.programs"]
        self._child = subprocess.Popen(
            [*program, way, folder / case, str(seconds), self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ffmpeg: psutil.Process | None = None
        self._before_mb = 0.0

    def prepared(self) -> None:
        """Returns when its frames are made."""
        assert self._child.stdout is not None
        self._child.stdout.readline()
        self._before_mb = _pss_mb(psutil.Process(self._child.pid))

    def begin(self) -> None:
        """Lets it begin."""
        assert self._child.stdin is not None
        self._child.stdin.write("go\n")
        self._child.stdin.flush()

    def end(self) -> Ran:
        """Kills it, once it says that its time is over, and reads its file."""
        assert self._child.stdout is not None
        said: dict[str, Any] = json.loads(self._child.stdout.readline())
        process = psutil.Process(self._child.pid)
        ffmpeg = next(iter(process.children()), None)
        pss_mb = _pss_mb(process) - self._before_mb
        cores = 0.0
        if ffmpeg is not None:
            pss_mb += _pss_mb(ffmpeg)
            times = ffmpeg.cpu_times()
            cores = (times.user + times.system) / self._seconds
        (ffmpeg if ffmpeg and self._victim == "ffmpeg" else process).kill()
        if ffmpeg is not None and self._victim != "ffmpeg":
            ffmpeg.wait(10)  # what it has, it writes at the end of its input
        self._child.kill()
        self._child.communicate()
        return Ran(
            f"{self.way}: {self._victim} killed" if ffmpeg else self.way,
            said["cpu_s"] / self._seconds,
            cores,
            pss_mb,
            said["first_byte_ms"],
            None if self.way == "none" else said["written_s"] - _end_s(self.path),
        )


def _pss_mb(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 1e6


def _end_s(path: Path) -> float:
    """The time of the last packet that can be read."""
    try:
        with av.open(str(path)) as file:
            times = [
                float(p.pts * p.time_base) for p in file.demux() if p.size and p.pts is not None
            ]
    except (OSError, av.FFmpegError):
        return 0.0
    return max(times, default=0.0)


def packets_of(case: str, seconds: float) -> list[Packet]:
    """In the order of time."""
    video, audio = camera("vp8"), microphone()
    if case == "screen":
        frames = noisy_video_frames("vp8", 5, size=(640, 360), bitrate_bps=500_000)
        return [Packet(video, n * 5 * SECOND_NS, frames[n]) for n in range(int(seconds / 5) + 1)]
    frames = noisy_video_frames("vp8", 30, size=(1280, 720), bitrate_bps=2_500_000)
    sound = audio_frames("opus", 50)
    return sorted(
        [
            *(Packet(video, n * SECOND_NS // 30, frames[n % 30]) for n in range(int(seconds * 30))),
            *(Packet(audio, n * SECOND_NS // 50, sound[n % 50]) for n in range(int(seconds * 50))),
        ],
        key=lambda packet: packet.time_ns,
    )


def measure(case: str, seconds: float, folder: Path) -> list[Ran]:
    """All ways at once."""
    (folder / case).write_bytes(pickle.dumps(packets_of(case, seconds)))
    writers = [
        Writer(way, case, seconds, folder, victim)
        for way in WAYS
        for victim in _KILLED.get(way, ("writer",))
    ]
    for writer in writers:
        writer.prepared()
    for writer in writers:
        writer.begin()
    time.sleep(seconds)
    return [writer.end() for writer in writers]


def show(case: str, found: list[Ran]) -> None:
    """As a table."""
    table = Table(title=case)
    for column in ("way", "writer, cores", "ffmpeg, cores", "PSS, MB", "first byte, ms", "lost, s"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for ran in found:
        table.add_row(
            ran.way,
            f"{ran.writer_cores:.4f}",
            f"{ran.ffmpeg_cores:.4f}",
            f"{ran.pss_mb:.1f}",
            "-" if ran.first_byte_ms is None else f"{ran.first_byte_ms:.1f}",
            "-" if ran.lost_s is None else f"{ran.lost_s:.2f}",
        )
    Console().print(table)


def main() -> None:
    """Both cases."""
    parser = argparse.ArgumentParser(prog="bench writers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        for case, seconds in (("film", arguments.seconds), ("screen", 9.9)):
            show(case, measure(case, seconds, Path(folder)))


if __name__ == "__main__":
    main()
