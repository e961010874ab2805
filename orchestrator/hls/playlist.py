"""Playlists (RFC 8216, and rfc8216bis for parts). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.hls.codecs import CodecInfo

VERSION: Final = 7
LOW_LATENCY_VERSION: Final = 9
_LEAST_BANDWIDTH: Final = 64_000
PART_TARGET_S: Final = 0.39
"""A third of a second is 85 % of it, and must be (rfc8216bis §4.4.4.9); a frame more at 18 a second
fits."""
PART_HOLD_BACK_S: Final = 3 * PART_TARGET_S
"""rfc8216bis §4.4.3.8: at least twice a part's target, and should be three times."""
PARTS_OF_PIECES: Final = 2
"""Whole pieces whose parts are listed (§4.4.4.9: those further back may be left out)."""
_TIME_EACH: Final = 8
"""Pieces of a run from one EXT-X-PROGRAM-DATE-TIME to the next."""


@dataclass(frozen=True, slots=True)
class Part:
    """A fragment of a piece."""

    uri: str
    length_s: float
    independent: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece's lines."""

    uri: str
    length_s: float
    at: datetime | None
    """When its first frame was captured; None if that isn't known."""
    init: str
    """That of its header."""
    in_run: int
    """Its number among the pieces of its run."""
    jumps: bool = False
    """The time of capture doesn't go on from the piece before."""
    gap: bool = False
    """Nor do the times in the media."""
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class Live:
    """What a playlist with parts has besides."""

    open_parts: Sequence[Part]
    open_at: datetime | None
    open_init: str
    open_gap: bool
    """The times in its media don't go on from the piece before."""
    hint: str | None


def media(
    written: Iterable[str],
    latest: Sequence[Entry],
    before: Entry | None,
    *,
    target_s: int,
    first: int,
    discontinuities: int,
    ended: bool,
    independent: bool,
    window: bool,
    live: Live | None = None,
) -> str:
    """A media playlist.

    `written`: lines of pieces (`lines_of`), `latest`: the pieces behind them, of which `before` is
    the last; `first`: number of the first entry in the recording; `discontinuities`: how many were
    before it. `window`: entries are taken away at its beginning.
    """
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{LOW_LATENCY_VERSION if live else VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{first}",
    ]
    if discontinuities:
        lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}")
    if not window:
        lines.append(f"#EXT-X-PLAYLIST-TYPE:{'VOD' if ended else 'EVENT'}")
    if independent:
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    if live is not None:
        lines += [
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={PART_HOLD_BACK_S:.3f}",
            f"#EXT-X-PART-INF:PART-TARGET={PART_TARGET_S:.3f}",
        ]
    previous = before
    lines += written
    for entry in latest:
        lines.append(lines_of(entry, previous))
        previous = entry
    if live is not None and not ended:
        lines += _open(live, previous)
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def lines_of(entry: Entry, previous: Entry | None) -> str:
    """A piece's lines, behind those of another one."""
    lines = []
    begins = previous is None or previous.init != entry.init
    if previous is not None and breaks(entry, previous):
        lines.append("#EXT-X-DISCONTINUITY")
    if begins:
        lines.append(f'#EXT-X-MAP:URI="{entry.init}"')
    told = begins or entry.gap or entry.jumps
    if entry.at is not None and (told or entry.in_run % _TIME_EACH == 0):
        lines.append(_time(entry.at))
    lines += [_part(part) for part in entry.parts]
    return "\n".join([*lines, f"#EXTINF:{entry.length_s:.5f},", entry.uri])


def breaks(entry: Entry, previous: Entry) -> bool:
    """Whether there is a discontinuity between them."""
    return entry.gap or previous.init != entry.init


def _open(live: Live, previous: Entry | None) -> list[str]:
    lines = []
    begins = previous is None or previous.init != live.open_init
    if live.open_parts or live.hint:
        if previous is not None and (begins or live.open_gap):
            lines.append("#EXT-X-DISCONTINUITY")
        if begins:
            lines.append(f'#EXT-X-MAP:URI="{live.open_init}"')
    if live.open_at is not None and live.open_parts:
        lines.append(_time(live.open_at))
    lines += [_part(part) for part in live.open_parts]
    if live.hint:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{live.hint}"')
    return lines


def _part(part: Part) -> str:
    key = ",INDEPENDENT=YES" if part.independent else ""
    return f'#EXT-X-PART:DURATION={part.length_s:.5f},URI="{part.uri}"{key}'


def _time(at: datetime) -> str:
    return f"#EXT-X-PROGRAM-DATE-TIME:{at.isoformat(timespec='milliseconds')}"


def master(
    codecs: Sequence[CodecInfo], *, bandwidth_bps: int, average_bps: int, media_uri: str
) -> str:
    """The playlist that names the codecs, with one variant."""
    video = next((info for info in codecs if info.kind == "video"), None)
    names = ",".join(dict.fromkeys(info.codec for info in codecs))
    attributes = [
        f"BANDWIDTH={max(bandwidth_bps, _LEAST_BANDWIDTH)}",
        f"AVERAGE-BANDWIDTH={max(average_bps, _LEAST_BANDWIDTH)}",
        f'CODECS="{names}"',
    ]
    if video is not None:
        attributes.append(f"RESOLUTION={video.width}x{video.height}")
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        "#EXT-X-STREAM-INF:" + ",".join(attributes),
        media_uri,
    ]
    return "\n".join(lines) + "\n"
