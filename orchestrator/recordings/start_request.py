"""A request for a recording, and what its words mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import Output
from orchestrator.outputs.webhooks import Webhook
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.limits import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Quality:
    """The bit rates of a quality preset, as ffmpeg writes them."""

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
    """A bit rate like `500k` or `2M` in bit/s."""
    return int(rate[:-1]) * {"k": 1_000, "M": 1_000_000}[rate[-1]]


QUALITIES: Final = {
    "low": Quality("500k", "64k"),
    "medium": Quality("1M", "96k"),
    "high": Quality("2M", "128k"),
}
"""The quality presets of the Recording API document."""

QUALITY_ALIASES: Final = {"best": "high"}
"""Names that newer builds of the desktop app send."""


DEFAULT_QUALITY: Final = "high"

E2EE: Final = "e2ee"
OUTPUTS: Final = "outputs"
WEBHOOKS: Final = "webhooks"
SECRET: Final = (E2EE, OUTPUTS, WEBHOOKS)
"""Names of what has secrets, and is sealed in a watch's row."""

SELECTED: Final = "selected"
ALL: Final = "all"
TRACKS: Final = (SELECTED, ALL)
"""What a recording that copies has of a room: the selected video and all audio, each publication
of it a track of its own; or every publication."""


class StartedBy(StrEnum):
    """Who asked for a recording."""

    USER = "user"
    DEPIN = "depin"
    """The desktop app's agent (server.depin), which stops only its own recordings."""
    WATCH = "watch"
    """A watch (server.watches.watches)."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What /start and `orchestrator record` ask for; None is the default."""

    stream_id: str
    output_format: str | None = None
    pipeline: str | None = None
    video_quality: str = DEFAULT_QUALITY
    audio_quality: str = DEFAULT_QUALITY
    output_directory: str | None = None
    file_name: str | None = None
    """Instead of one made of the stream's name; only the command line sets it."""
    limits: Limits = NO_LIMITS
    speed_step: int | None = None
    """Of the pipeline, 0 is the slowest; None: the slowest that fits."""
    started_by: StartedBy = StartedBy.USER
    encode: EncodeOptions | None = None
    """How it is encoded again when it is completed; None: it isn't."""
    tracks: str | None = None
    """One of TRACKS, of a pipeline that copies; None: the selected ones."""
    e2ee: E2eeKeys | None = None
    """The keys of an end-to-end encrypted room; None: those of the settings, if any."""
    outputs: tuple[Output, ...] | None = None
    """What becomes of it besides its file; None: those of the settings."""
    webhooks: tuple[Webhook, ...] | None = None
    """Who is called besides those of the settings."""
    data: bool | None = None
    """Keep data, chat and what participants do; None: as the setting says."""
    hide_recording: bool | None = None
    """Don't show participants that they are recorded; None: as the setting says."""

    def as_dict(self) -> dict[str, Any]:
        """All of it but what has secrets as JSON values, for a row and for the API, which both call
        it `mint_id`.
        """
        open_part = replace(self, e2ee=None, outputs=None, webhooks=None)
        values = asdict(open_part) | {"limits": self.limits.as_dict()}
        for name in SECRET:
            del values[name]
        for name in ("encode", "tracks", "data", "hide_recording"):
            if values[name] is None:
                del values[name]  # an older server can go on with it
        return {"mint_id": values.pop("stream_id"), **values}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> StartRequest:
        """The request that `as_dict` gave, or a row that has its secrets beside it, sealed."""
        limits, started_by = Limits.from_dict(given["limits"]), StartedBy(given["started_by"])
        encode = EncodeOptions.from_dict(given["encode"]) if given.get("encode") else None
        rest = {**given, "limits": limits, "started_by": started_by, "encode": encode}
        for name in SECRET:
            rest.pop(name, None)
        return cls(rest.pop("mint_id"), **rest)


def quality_named(name: str, field: str) -> str:
    """The quality by its name or alias. Raises InvalidRequest that names `field` and lists them."""
    quality = QUALITY_ALIASES.get(name, name)
    if quality not in QUALITIES:
        raise InvalidRequest(
            f"Unknown {field}: {name[:40]!r}", f"Use one of: {', '.join(QUALITIES)}.", field=field
        )
    return quality
