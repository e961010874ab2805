"""Types that every layer shares: tracks, publications, streams and how to connect to them.

Times are integers. ``*_ns`` is nanoseconds on this machine's monotonic clock; PTS are counted in
the time base that stands beside them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final

VIDEO_TIME_BASE: Final = Fraction(1, 90_000)
"""RTP's clock for video (RFC 3551 §5), used for PTS all the way into the file."""

AUDIO_RATE: Final = 48_000
"""Samples per second of everything recorded: Opus's own clock (RFC 7587 §4.1)."""

AUDIO_TIME_BASE: Final = Fraction(1, AUDIO_RATE)
AUDIO_CHANNELS: Final = 2

MAX_FRAME_PIXELS: Final = 7680 * 4320
"""Of the largest video that is decoded, unless a setting says otherwise: 8K."""

SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Colors:
    """How a frame's YUV is to be read: numbers of ITU-T H.273 §8, as codecs carry them."""

    matrix: int
    primaries: int
    transfer: int
    full_range: bool = False
    """Luma from 0 to 255; else from 16 to 235."""

    def alike(self, other: Colors) -> bool:
        """Whether samples of one are those of the other: what else differs is a matter of tags."""
        return (self.matrix, self.full_range) == (other.matrix, other.full_range)


BT601: Final = Colors(6, 6, 6)
"""What VP8 has at every size (RFC 6386 §9.2), and everything of which nobody says anything."""


class TrackKind(StrEnum):
    """What a track carries."""

    AUDIO = "audio"
    VIDEO = "video"


class TrackSource(StrEnum):
    """Where a track comes from, as LiveKit names it (livekit_models.proto, TrackSource)."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SCREEN_SHARE = "screen_share"
    SCREEN_SHARE_AUDIO = "screen_share_audio"
    UNKNOWN = "unknown"


RECEIVABLE: Final = frozenset(
    {
        "video/vp8",
        "video/h264",
        "video/vp9",
        "video/av1",
        "video/h265",
        "audio/opus",
        "audio/red",  # LiveKit sends plain Opus to a subscriber that doesn't offer RED
        "audio/pcmu",
        "audio/pcma",
        "audio/g722",
    }
)
"""MIME types that can be decoded; of others a track would come without a single frame."""


class Encryption(StrEnum):
    """How a publication is end-to-end encrypted (livekit_models.proto, Encryption.Type)."""

    NONE = "none"
    GCM = "gcm"
    """AES-GCM, as LiveKit's clients do it."""
    CUSTOM = "custom"
    """In a way of an application's own."""


NEVER_ENCRYPTED: Final = frozenset({"video/av1"})
"""What LiveKit's clients can't encrypt: those for browsers refuse to, of those for Linux no packet
comes."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A video frame or a packet of audio as its publisher encoded it."""

    codec: str
    """As in a MIME type, lower case: ``vp8``, ``vp9``, ``av1``, ``h264``, ``h265``, ``opus``,
    ``pcmu``, ``pcma``, ``g722``."""
    data: bytes
    """H.264 and H.265 are Annex B byte streams, a keyframe with its parameter sets before its
    slices; AV1 is a temporal unit whose OBUs have their size, a keyframe with its sequence header;
    VP9 of several layers is a superframe that shows the uppermost."""
    keyframe: bool = True
    """Whether it can be decoded without another one, as all audio can."""
    duration_ns: int = 0
    """Of audio; 0 for video."""
    width: int = 0
    """Of a keyframe of video, as its headers say; else 0."""
    height: int = 0
    private: bytes = b""
    """What a decoder of this audio must know, as Matroska has it: AAC's AudioSpecificConfig
    (ISO/IEC 14496-3 §1.6.2.1). Empty where the packets say it all."""
    rate: int = 0
    """Samples of audio per second; 0: those that its codec has in RTP."""
    channels: int = 0
    """The same of its channels."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A track announced in a room: what it is, whose, and whether it can be received."""

    sid: str
    kind: TrackKind
    source: TrackSource = TrackSource.UNKNOWN
    mime_type: str = ""
    """Lower case, e.g. ``video/vp8``; empty where the announcement doesn't say."""
    participant: str = ""
    """The participant's identity."""
    joined_at_ms: int = 0
    """When the participant joined, since 1970; 0 where nobody says."""
    width: int = 0
    height: int = 0
    muted: bool = False
    encryption: Encryption = Encryption.NONE
    has_key: bool = False
    """Whether there is a key for it."""
    any_codec: bool = False
    """Its source takes every codec that FFmpeg decodes."""

    @property
    def encrypted(self) -> bool:
        """End-to-end encrypted: without the right key no frame can be decoded."""
        return self.encryption is not Encryption.NONE

    @property
    def decryptable(self) -> bool:
        """Whether it isn't encrypted, or there is a key, which may be the right one."""
        known = self.encryption is Encryption.GCM and self.mime_type not in NEVER_ENCRYPTED
        return not self.encrypted or (known and self.has_key)

    @property
    def receivable(self) -> bool:
        """Whether frames will come of it when we subscribe."""
        known = self.any_codec or not self.mime_type or self.mime_type in RECEIVABLE
        return known and self.decryptable


@dataclass(frozen=True, slots=True)
class IceServer:
    """A TURN server of a connection (RFC 8656), or a STUN server."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LiveKitEndpoint:
    """A LiveKit room to join: the server's WebSocket URL and a token for the room."""

    url: str
    token: str = field(repr=False)


def shown_address(url: str) -> str:
    """The address without its user, password and query, which may be secrets."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


@dataclass(frozen=True, slots=True)
class WhepEndpoint:
    """A WHEP resource to pull from (draft-ietf-wish-whep)."""

    url: str
    token: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The address as errors have it."""
        return shown_address(self.url)


@dataclass(frozen=True, slots=True)
class WhipEndpoint:
    """A stream that its publisher sends to us (WHIP, RFC 9725)."""

    stream_id: str

    @property
    def token(self) -> None:
        """It is the publisher who has one."""


@dataclass(frozen=True, slots=True)
class UrlEndpoint:
    """An address that ffmpeg reads: RTMP, SRT, RTSP, a file."""

    url: str = field(repr=False)
    token: None = None
    """Its secrets are in the address."""


Endpoint = LiveKitEndpoint | WhepEndpoint | WhipEndpoint | UrlEndpoint


TITLES: Final = {"configured": "This recorder", "livekit": "LiveKit", "pumpfun": "pump.fun"}
"""Names of directories for users, where they differ."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A live stream as discovery describes it. What the platform doesn't report is None."""

    id: str
    discovery: str
    """Name of the directory that found it."""
    name: str | None = None
    symbol: str | None = None
    num_participants: int = 0
    video: bool | None = None
    """Whether video is published; None if unknown."""
    thumbnail: str | None = None
    description: str | None = None
    image_uri: str | None = None
    creator: str | None = None
    market_cap: float | None = None
    usd_market_cap: float | None = None
    is_currently_live: bool | None = True
    """None while its directory doesn't know, as only a start or a watch asks its server."""
    created_timestamp: int | None = None
    last_trade_timestamp: int | None = None
    nsfw: bool = False
    website: str | None = None
    twitter: str | None = None
    telegram: str | None = None
