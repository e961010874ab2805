"""What can be asked of a recording, and what the words mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from orchestrator.errors import InvalidRequest
from orchestrator.recordings.limits import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Quality:
    """Bit rates as ffmpeg writes them, and in bit/s."""

    video_bitrate: str
    audio_bitrate: str

    @property
    def video_bps(self) -> int:
        """Bits per second of video."""
        return bits(self.video_bitrate)

    @property
    def audio_bps(self) -> int:
        """Bits per second of audio."""
        return bits(self.audio_bitrate)


def bits(rate: str) -> int:
    """`500k` or `2M` in bit/s."""
    return int(rate[:-1]) * {"k": 1_000, "M": 1_000_000}[rate[-1]]


QUALITIES: Final = {
    "low": Quality("500k", "64k"),
    "medium": Quality("1M", "96k"),
    "high": Quality("2M", "128k"),
}
"""The Recording API document's presets."""

QUALITY_ALIASES: Final = {"best": "high"}
"""What newer builds of the desktop app send."""

FORMATS: Final = ("av1", "mp4", "webm")
FORMAT_ALIASES: Final = {"h264": "mp4", "vp9": "webm"}
DEFAULT_FORMAT: Final = "av1"
DEFAULT_QUALITY: Final = "high"


class StartedBy(StrEnum):
    """Whose wish a recording is."""

    USER = "user"
    DEPIN = "depin"
    """The desktop app's agent (recordings.depin), which stops only its own again."""
    WATCH = "watch"
    """recordings.watches: the stream was waited for."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What /start and `orchestrator record` ask for. None leaves it to the default."""

    mint_id: str
    output_format: str | None = None
    pipeline: str | None = None
    video_quality: str = DEFAULT_QUALITY
    audio_quality: str = DEFAULT_QUALITY
    output_directory: str | None = None
    limits: Limits = NO_LIMITS
    speed_step: int | None = None
    """Of the pipeline, 0 the slowest; None is the slowest for which there is room."""
    started_by: StartedBy = StartedBy.USER

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it, for a row."""
        return asdict(self) | {"limits": self.limits.as_dict()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> StartRequest:
        """What `as_dict` gave."""
        limits, started_by = Limits.from_dict(given["limits"]), StartedBy(given["started_by"])
        return cls(**{**given, "limits": limits, "started_by": started_by})


def format_named(name: str | None) -> str:
    """The format meant, or InvalidRequest that lists them."""
    wanted = name or DEFAULT_FORMAT
    return _known(wanted, FORMAT_ALIASES.get(wanted, wanted), FORMATS, "output_format")


def quality_named(name: str, field: str) -> str:
    """The quality meant, or InvalidRequest that lists them; `field` is the one to name."""
    return _known(name, QUALITY_ALIASES.get(name, name), tuple(QUALITIES), field)


def _known(given: str, meant: str, known: tuple[str, ...], field: str) -> str:
    if meant not in known:
        raise InvalidRequest(
            f"Unknown {field}: {given[:40]!r}", f"Use one of: {', '.join(known)}.", field=field
        )
    return meant
