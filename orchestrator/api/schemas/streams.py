"""Wire types of /api/streams: what is live and can be recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from orchestrator.api.schemas.common import MINT_ID, STRICT, Failure, Wire, example, example_of
from orchestrator.api.schemas.start import StreamId
from orchestrator.e2ee_keys import E2eeKeys

Kind = Literal["whep", "whip", "url"]
DefinedBy = Literal["settings", "request"]


class StreamSummary(Wire):
    """A live stream as its directory reports it; null where it reports nothing."""

    mint_id: str
    """The `mint_id` for POST /api/recording/start."""
    discovery: str
    """The directory that found it; `configured` for a stream with a name of its own."""
    kind: Kind | None
    """Of a stream with a name of its own, where it comes from; null for others."""
    defined_by: DefinedBy | None
    """Who defined such a stream, or the keys of an encrypted room; what a request added can be
    removed."""
    name: str | None
    symbol: str | None
    num_participants: int
    is_currently_live: bool | None
    """Null for a stream with a name of its own while nobody knows: its server is asked only by a
    start, a watch or GET /api/streams/{id}."""
    thumbnail: str | None
    description: str | None
    creator: str | None
    nsfw: bool

    model_config = example(
        {
            "mint_id": MINT_ID,
            "discovery": "livekit",
            "kind": None,
            "defined_by": None,
            "name": "Example Coin",
            "symbol": "EXC",
            "num_participants": 150,
            "is_currently_live": True,
            "thumbnail": None,
            "description": None,
            "creator": None,
            "nsfw": False,
        }
    )


class StreamBody(Wire):
    """A stream with a name of its own, and where it comes from."""

    mint_id: StreamId
    """Its id, for POST /api/recording/start and everything else; no other such stream has it."""
    name: str | None = Field(None, max_length=200)
    """For people, and for file names. Null: the id."""
    whep: str | None = Field(None, max_length=2048)
    """Address of a WHEP resource that sends it, http:// or https://."""
    url: SecretStr | None = Field(None, max_length=2048)
    """Address that ffmpeg reads: rtmp, rtmps, srt, rtsp, rtsps, file, http or https. Refused unless
    the setting `allow_url_streams` allows it."""
    token: SecretStr | None = Field(None, max_length=4096)
    """Bearer token for that; it is shown nowhere again."""
    whip: SecretStr | None = Field(None, max_length=4096)
    """Instead of an address: the key, of at least 16 characters, with which a publisher may send it
    to /whip/{mint_id} of this server."""
    e2ee: E2eeKeys | None = None
    """Instead of an address: the keys of the end-to-end encrypted LiveKit room `mint_id`, which are
    used unless a request has its own; they are shown nowhere again."""

    model_config = STRICT | example(
        {
            "mint_id": "lobby",
            "name": "Lobby",
            "whep": "https://media.example.org/whep/lobby",
            "token": "**********",
        }
    )


class Added(StreamSummary):
    """A stream that was added. Whether it is live isn't known yet."""

    success: Literal[True] = True
    address: str | None
    """Where it is fetched from, without user, password and query."""

    model_config = example(
        {
            **example_of(StreamSummary),
            "success": True,
            "mint_id": "lobby",
            "discovery": "configured",
            "kind": "whep",
            "defined_by": "request",
            "name": "Lobby",
            "symbol": None,
            "num_participants": 0,
            "is_currently_live": None,
            "address": "https://media.example.org/whep/lobby",
        }
    )


class Removed(Wire):
    """A stream that was removed; its recordings stay."""

    success: Literal[True] = True
    mint_id: str

    model_config = example({"success": True, "mint_id": "lobby"})


class Layer(Wire):
    """One size in which a video is published."""

    width: int
    height: int
    bitrate_bps: int | None

    model_config = example({"width": 640, "height": 360, "bitrate_bps": 500000})


class Track(Wire):
    """A published track, and whether it can be recorded; null where nobody says."""

    sid: str
    participant: str
    """The publisher's identity."""
    source: str
    """camera, microphone, screen_share, screen_share_audio or unknown."""
    kind: Literal["audio", "video"]
    codec: str | None
    """`VP8`, `OPUS`, …: the one that is received."""
    mime_types: list[str]
    """Its codec, and those that are published for whoever can't receive it."""
    width: int | None
    height: int | None
    muted: bool
    encrypted: bool
    """End-to-end encrypted."""
    simulcast: bool | None
    """Whether a video is published in several sizes."""
    layers: list[Layer]
    recordable: bool
    """Whether it could be recorded, once it isn't muted."""
    reason: Failure | None
    """Why not, as a recording would say."""
    selected: bool
    """Whether a recording with the usual options would take it now."""

    model_config = example(
        {
            "sid": "TR_VC3k2dPqLwaXyz",
            "participant": "anna",
            "source": "camera",
            "kind": "video",
            "codec": "VP8",
            "mime_types": ["video/vp8"],
            "width": 1280,
            "height": 720,
            "muted": False,
            "encrypted": False,
            "simulcast": True,
            "layers": [example_of(Layer)],
            "recordable": True,
            "reason": None,
            "selected": True,
        }
    )


class StreamDetails(StreamSummary):
    """A stream and what is in it before it is recorded. Nothing was joined for it."""

    success: Literal[True] = True
    address: str | None
    """Where a stream with a name of its own is fetched from, without user, password and query."""
    recordable: bool | None
    """Whether a recording could begin now; null: only a start can tell."""
    reason: Failure | None
    """Why it couldn't, as a start would say."""
    published: list[Track] | None
    """Who publishes what; null: that can't be known before it is received."""
    unknown: str | None
    """Why `published` is null."""

    model_config = example(
        {
            **example_of(StreamSummary),
            "success": True,
            "address": None,
            "recordable": True,
            "reason": None,
            "published": [example_of(Track)],
            "unknown": None,
        }
    )


class DirectoryFailure(Wire):
    """A directory whose streams are missing from the list, and why."""

    discovery: str
    error: str
    detail: str
    """What to do."""
    code: str

    model_config = example(
        {
            "discovery": "pumpfun",
            "error": "pump.fun (frontend-api-v3.pump.fun) can't be reached: no answer in time.",
            "detail": "Check this machine's network; if that is well, pump.fun is down.",
            "code": "source_unreachable",
        }
    )


class Streams(Wire):
    """Streams that are live now, the most watched first."""

    success: Literal[True] = True
    streams: list[StreamSummary]
    count: int
    failures: list[DirectoryFailure]
    """Directories that did not answer; empty if the list is complete."""

    model_config = example(
        {
            "success": True,
            "streams": [example_of(StreamSummary)],
            "count": 1,
            "failures": [example_of(DirectoryFailure)],
        }
    )
