"""Draws what ./scripts/bench measured as bars, in SVG.

./scripts/bench chart FILE.json ... > docs/images/benchmarks.svg

The files are what `./scripts/bench --json FILE` wrote; several runs become one chart.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

WIDTH, LABELS, BARS, ROW, HEAD = 760, 330, 340, 24, 42

STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#1c2733}.title{font-weight:600}"
    ".ours{fill:#0b7a75}.other{fill:#9aa7b2}"
    "@media(prefers-color-scheme:dark){text{fill:#e4e9ee}.other{fill:#5d6a76}}"
)


@dataclass(frozen=True)
class Bar:
    """One measured figure; `ours` is drawn in another colour."""

    label: str
    value: float
    ours: bool = False


@dataclass(frozen=True)
class Panel:
    """Bars with one scale."""

    title: str
    form: str
    bars: list[Bar]


RECEIVERS: Final = {
    "ours": "our worker, without its ffmpeg",
    "aiortc": "bare aiortc, frames dropped",
    "livekit": "livekit SDK, frames dropped",
    "recorder": "aiortc's MediaRecorder, into .mp4",
}

STARTS: Final = {
    "start_s": "/start answered",
    "first_frame_s": "first frame in the pipe",
    "stop_s": "/stop answered, file final",
}


def _receivers(found: list[dict[str, Any]]) -> Panel:
    costs = {name: [one["cores"] for one in found if one["name"] == name] for name in RECEIVERS}
    bars = [
        Bar(RECEIVERS[name], statistics.mean(cores), name == "ours")
        for name, cores in costs.items()
        if cores
    ]
    return Panel("Receiving one 720p30 VP8 stream, cores", "{:.3f}", bars)


def _start(found: list[dict[str, Any]]) -> Panel:
    bars = [
        Bar(f"{what}, {'a' if one['reserve'] else 'no'} worker in reserve", value, one["reserve"])
        for key, what in STARTS.items()
        for one in found
        if one.get("pipeline") != "copy"
        for value in [statistics.median(one[key])]
    ]
    return Panel("Start and stop, median seconds", "{:.2f}", bars)


def _encoding(found: list[dict[str, Any]]) -> Panel:
    bars = [
        Bar(f"{one['pipeline']}: {whose}", one[key], key == "ours_cores")
        for one in found
        for key, whose in (("ours_cores", "the recording's ffmpeg"), ("bare_cores", "a bare one"))
    ]
    return Panel("ffmpeg on the same 720p30 frames, cores", "{:.3f}", bars)


def _limit(found: list[dict[str, Any]]) -> Panel:
    bars = [Bar(f"{one['pipeline']}: taken in", one["recordings"], True) for one in found]
    return Panel("720p30 recordings at once, by admission", "{:.0f}", bars)


def _most(found: list[dict[str, Any]]) -> Panel:
    bars = [Bar(f"{one['pipeline']}: none drops a frame", one["recordings"]) for one in found]
    return Panel("720p30 recordings at once, all taken in", "{:.0f}", bars)


PANELS: Final[dict[str, Callable[[list[dict[str, Any]]], Panel]]] = {
    "receivers": _receivers,
    "start": _start,
    "encoding": _encoding,
    "limit": _limit,
    "most": _most,
}
"""By the name of what was measured."""


def chart(found: dict[str, Any]) -> str:
    """All panels that there are figures for, one below the other."""
    panels = [make(found[name]) for name, make in PANELS.items() if name in found]
    height = sum(HEAD + ROW * len(panel.bars) for panel in panels) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<style>{STYLE}</style>",
    ]
    top = 0
    for panel in panels:
        lines += _drawn(panel, top)
        top += HEAD + ROW * len(panel.bars)
    return "\n".join([*lines, "</svg>"])


def _drawn(panel: Panel, top: int) -> Iterator[str]:
    most = max(bar.value for bar in panel.bars) or 1.0
    yield f'<text class="title" x="10" y="{top + 28}">{escape(panel.title)}</text>'
    for number, bar in enumerate(panel.bars):
        y, width = top + HEAD + ROW * number, max(1, round(BARS * bar.value / most))
        kind, value = "ours" if bar.ours else "other", panel.form.format(bar.value)
        yield f'<text x="10" y="{y + 13}">{escape(bar.label)}</text>'
        yield f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width}" height="17" rx="2"/>'
        yield f'<text x="{LABELS + width + 8}" y="{y + 13}">{value}</text>'


if __name__ == "__main__":
    measured: dict[str, Any] = {}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="of ./scripts/bench --json")
    for file in parser.parse_args().files:
        measured |= json.loads(file.read_text())
    print(chart(measured))
