"""A recording on the terminal: the progress line, and the summary at the end.

`line` and `facts` are pure; `Screen` draws. What was not measured is shown as `-`, never as 0.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from rich.live import Live
from rich.text import Text

from orchestrator.catalog.models import Recording
from orchestrator.cli.formatting import UNKNOWN, console, duration, number, plain, print_table, size
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.figures import (
    LiveFigures,
    ProcessesFigures,
    ProcessFigures,
    VideoFigures,
)
from orchestrator.recordings.written import written_bytes

PLAIN_EVERY_S: Final = 5.0
"""Interval of lines without a terminal (a log file, a pipe)."""


def line(recording: Recording) -> str:
    """One line: time, frame rate, speed, size, drops, CPU of its processes."""
    figures = LiveFigures.of(recording)
    video, encoder = figures.video, figures.encoder
    speed = f" {number(encoder.speed, '.2f')}x" if recording.tracks is None else ""
    shown = [
        f"{recording.state} {duration(figures.duration_s)}",
        f"{number(_first(encoder.fps, video.fps), '.1f')} fps{speed}",
        size(written_bytes(recording, figures)),
        f"{number(video.dropped)} dropped",
        _cpu(recording, figures.processes),
    ]
    return " | ".join([*shown, *figures.warnings])


def facts(recording: Recording) -> list[tuple[str, str]]:
    """The summary of a finished recording."""
    probe, figures = recording.probe or {}, LiveFigures.of(recording)
    taken = _first(recording.duration_s, probe.get("duration_s"))
    found = [
        ("file", recording.output_path),
        ("duration", duration(taken)),
        ("size", size(_first(recording.size_bytes, probe.get("size_bytes")))),
        ("video", _video(probe, recording)),
        ("audio", _audio(probe, recording)),
        ("tracks", track_names(recording)),
        ("frames", _frames(recording, figures.video)),
        ("CPU", f"{_cpu(recording, figures.processes)} of one core"),
        ("ended", recording.reason or UNKNOWN),
        ("encode", _encode_later(recording)),
    ]
    return [(name, value) for name, value in found if value]


def track_names(recording: Recording) -> str:
    """Those of a copied file that has more than one video and one audio; else empty."""
    tracks = (recording.probe or {}).get("tracks", ()) if recording.tracks is not None else ()
    return ", ".join(track["name"] for track in tracks) if len(tracks) > 2 else ""


def summary(recording: Recording) -> None:
    """Prints the summary to stdout."""
    print_table(("", ""), facts(recording), head=False)


class Screen:
    """One updating line on a terminal; elsewhere a line every few seconds. On stderr."""

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
        """Updates the line."""
        if self._console.is_terminal:
            self._live.update(Text(plain(text)), refresh=True)
        elif self._printed_s is None or time.monotonic() - self._printed_s >= PLAIN_EVERY_S:
            self._printed_s = time.monotonic()
            self._print(text)

    def note(self, text: str) -> None:
        """Prints a line that stays."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(Text(plain(text)))


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return values.get(name) or {}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _cpu(recording: Recording, processes: ProcessesFigures) -> str:
    parts = {"worker": processes.worker}
    if recording.tracks is None:
        parts["ffmpeg"] = processes.ffmpeg
    if processes.input.pid is not None:
        parts["input"] = processes.input
    return ", ".join(f"{name} {_percent(each)}" for name, each in parts.items())


def _encode_later(recording: Recording) -> str:
    """What becomes of a copy that was to be encoded: no server may run."""
    if recording.instead_of is None or recording.encode is None:
        return ""
    asked = EncodeOptions.from_dict(recording.encode)
    return (
        "when `orchestrator serve` runs; or at once: orchestrator encode"
        f" {recording.id} --pipeline {asked.pipeline} --quality {asked.quality} --replace"
    )


def _percent(process: ProcessFigures) -> str:
    return UNKNOWN if process.cpu_cores is None else f"{process.cpu_cores:.0%}"


def _video(probe: Mapping[str, Any], recording: Recording) -> str:
    video = _part(probe, "video")
    if not video:
        return UNKNOWN
    measured = f"{video.get('codec')} {video.get('width')}x{video.get('height')}"
    made_by = _made_by(recording, recording.video_codec)
    return f"{measured}, {number(video.get('average_fps'), '.1f')} fps ({made_by})"


def _audio(probe: Mapping[str, Any], recording: Recording) -> str:
    audio = _part(probe, "audio")
    if not audio:
        return UNKNOWN
    rate = f"{audio.get('sample_rate')} Hz, {audio.get('channels')} channels"
    return f"{audio.get('codec')} {rate} ({_made_by(recording, recording.audio_codec)})"


def _made_by(recording: Recording, encoder: str) -> str:
    return encoder if recording.tracks is None else "as it came"


def _frames(recording: Recording, video: VideoFigures) -> str:
    filled = f", {number(video.filled)} filled" if recording.tracks is None else ""
    return (
        f"{number(video.received)} received, {number(video.written)} written,"
        f" {number(video.dropped)} dropped{filled}"
    )
