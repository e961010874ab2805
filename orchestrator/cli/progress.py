"""What a recording looks like on the terminal: the running line and the report at the end.

`line` and `facts` are pure; `Screen` draws. What nobody measured is shown as `-`, never as 0.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from rich.live import Live
from rich.text import Text

from orchestrator.catalog.models import Recording
from orchestrator.cli.output import UNKNOWN, console, duration, number, print_table, size

PLAIN_EVERY_S: Final = 5.0
"""Without a terminal (a log file, a pipe) a line comes this often."""


def line(recording: Recording) -> str:
    """One line: time, frame rate, speed, size, drops, CPU of both processes."""
    figures = recording.figures or {}
    video, encoder = _part(figures, "video"), _part(figures, "encoder")
    shown = [
        f"{recording.state} {duration(figures.get('duration_s'))}",
        f"{number(_first(encoder.get('fps'), video.get('fps')), '.1f')} fps"
        f" {number(encoder.get('speed'), '.2f')}x",
        size(encoder.get("size_bytes")),
        f"{number(video.get('dropped'))} dropped",
        f"worker {_cpu(figures, 'worker')}, ffmpeg {_cpu(figures, 'ffmpeg')}",
    ]
    return " | ".join([*shown, *figures.get("warnings", ())])


def facts(recording: Recording) -> list[tuple[str, str]]:
    """The report of a finished recording: its file, and what went into it."""
    probe, figures = recording.probe or {}, recording.figures or {}
    taken = _first(recording.duration_s, probe.get("duration_s"))
    return [
        ("file", recording.output_path),
        ("duration", duration(taken)),
        ("size", size(_first(recording.size_bytes, probe.get("size_bytes")))),
        ("video", _video(probe, recording)),
        ("audio", _audio(probe, recording)),
        ("frames", _frames(figures)),
        ("CPU", f"worker {_cpu(figures, 'worker')}, ffmpeg {_cpu(figures, 'ffmpeg')} of one core"),
        ("ended", recording.reason or UNKNOWN),
    ]


def summary(recording: Recording) -> None:
    """Prints the report on stdout."""
    print_table(("", ""), facts(recording), head=False)


class Screen:
    """One line that renews itself on a terminal; elsewhere a line now and then. On stderr."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._printed_s: float | None = None

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, text: str) -> None:
        """The line of the moment."""
        if self._console.is_terminal:
            self._live.update(Text(text), refresh=True)
        elif self._printed_s is None or time.monotonic() - self._printed_s >= PLAIN_EVERY_S:
            self._printed_s = time.monotonic()
            self._print(text)

    def note(self, text: str) -> None:
        """A line that is shown at once and stays."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(Text(text))


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return values.get(name) or {}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _cpu(figures: Mapping[str, Any], process: str) -> str:
    cores = _part(_part(figures, "processes"), process).get("cpu_cores")
    return UNKNOWN if cores is None else f"{cores:.0%}"


def _video(probe: Mapping[str, Any], recording: Recording) -> str:
    video = _part(probe, "video")
    if not video:
        return UNKNOWN
    measured = f"{video.get('codec')} {video.get('width')}x{video.get('height')}"
    return f"{measured}, {number(video.get('average_fps'), '.1f')} fps ({recording.video_codec})"


def _audio(probe: Mapping[str, Any], recording: Recording) -> str:
    audio = _part(probe, "audio")
    if not audio:
        return UNKNOWN
    rate = f"{audio.get('sample_rate')} Hz, {audio.get('channels')} channels"
    return f"{audio.get('codec')} {rate} ({recording.audio_codec})"


def _frames(figures: Mapping[str, Any]) -> str:
    video = _part(figures, "video")
    words = ("received", "written", "dropped", "filled")
    return ", ".join(f"{number(video.get(word))} {word}" for word in words)
