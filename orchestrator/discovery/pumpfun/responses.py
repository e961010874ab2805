"""Parses pump.fun's responses. Pure: bytes in, our types out.

The fields are those that Haven Player's backend and public notes name; nobody promises them. So a
value of another type counts as missing, a coin without a usable mint is left out, and unknown
fields are ignored. Only a response of another shape altogether is an error (SourceGarbled).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from orchestrator.errors import SourceGarbled
from orchestrator.media import Stream
from orchestrator.token_claims import claims_of

NAME: Final = "pumpfun"

MINT: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
"""A Solana address: 32 bytes in base58 (solana.com/docs, "Accounts")."""

MOST_COINS: Final = 1000
"""Most coins of the list that are used, in pump.fun's own order."""

LONGEST_TEXT: Final = 5000
LONGEST_LINK: Final = 2048

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Control characters, which terminals obey, and lone surrogates, which UTF-8 can't encode."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LINK_SCHEMES: Final = ("http", "https", "ipfs")
_LARGEST: Final = 2**53
"""Whole numbers above it are not exact in JavaScript (RFC 8259 §6)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list."""

    streams: tuple[Stream, ...]
    entries: int
    """How many entries it had, usable or not: the next page begins after them."""
    unusable: int
    """Entries left out plus values ignored."""


@dataclass(frozen=True, slots=True)
class Livestream:
    """One coin's livestream."""

    live: bool
    num_participants: int | None = None
    title: str | None = None
    creator: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A viewer's token and the room it is for."""

    token: str
    room: str
    expires_at: float | None
    """Seconds since 1970, UTC."""


def page_of(data: bytes) -> Page:
    """One page of the list, at most MOST_COINS coins. Raises SourceGarbled."""
    entries = _json(data)
    if not isinstance(entries, list):
        raise _garbled("its list of live coins is no list")
    ignored: list[str] = []
    streams = [_stream(entry, ignored) for entry in entries[:MOST_COINS]]
    usable = tuple(stream for stream in streams if stream is not None)
    if streams and not usable:
        raise _garbled(f"none of the {len(streams)} live coins in its list has a usable mint")
    return Page(usable, len(entries), len(ignored))


def is_last(pages: Sequence[Page]) -> bool:
    """Whether the list ends with the last of these pages, which follow each other.

    pump.fun may give fewer at once than asked for. So a page is the last if it is shorter than one
    before, or brings nothing new.
    """
    *before, last = pages
    known = {stream.id for page in before for stream in page.streams}
    longest = max((page.entries for page in before), default=1)
    return last.entries < longest or all(stream.id in known for stream in last.streams)


def livestream_of(data: bytes) -> Livestream:
    """One coin's livestream; pump.fun answers with nothing when nobody streams."""
    answer = _json(data) if data.strip() else None
    if answer is None:
        return Livestream(live=False)
    try:
        read = _Livestream.model_validate(answer)
    except ValidationError as error:
        raise _garbled("it doesn't say whether the coin is live") from error
    return Livestream(
        live=read.isLive,
        num_participants=read.numParticipants,
        title=read.title,
        creator=read.creatorAddress,
        thumbnail=read.thumbnail,
    )


def join_token_of(data: bytes) -> JoinToken:
    """The token in the response to a join. Raises SourceGarbled."""
    answer = _json(data)
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise _garbled("it let us join, but gave no token")
    try:
        claims = claims_of(token)
    except ValueError as error:
        raise _garbled(f"the token it gave can't be read: {error}") from error
    if claims.room is None:
        raise _garbled("the token it gave is for no room")
    return JoinToken(token, claims.room, claims.expires_at)


def merged(mint: str, livestream: Livestream, listed: Stream | None) -> Stream:
    """The coin's entry in the list, with what only its livestream has or has newer."""
    known = listed or Stream(
        id=mint, discovery=NAME, name=livestream.title, creator=livestream.creator
    )
    watching = livestream.num_participants
    return replace(
        known,
        is_currently_live=livestream.live,
        num_participants=known.num_participants if watching is None else watching,
        thumbnail=known.thumbnail or livestream.thumbnail,
    )


# -- types of fields


def _or_none(value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """The value, or None for an unusable one; its field's name is added to the context's list."""
    try:
        return handler(value)
    except ValidationError:
        if info.context is not None:
            info.context.append(info.field_name)
        return None


def _clean(value: str | None) -> str | None:
    return (_CONTROL.sub(" ", value).strip()[:LONGEST_TEXT] or None) if value else None


def _link(value: str | None) -> str | None:
    scheme = _SCHEME.match(value or "")
    if scheme is not None and scheme[1].lower() not in _LINK_SCHEMES:
        raise ValueError("no address that a page should link to")
    return value


_Lenient = WrapValidator(_or_none)
_Text = Annotated[str | None, Field(strict=True), AfterValidator(_clean), _Lenient]
_Link = Annotated[
    str | None,
    Field(strict=True, max_length=LONGEST_LINK),
    AfterValidator(_clean),
    AfterValidator(_link),
    _Lenient,
]
_Whole = Annotated[int | None, Field(strict=True, ge=0, le=_LARGEST), _Lenient]
_Number = Annotated[float | None, Field(strict=True, allow_inf_nan=False), _Lenient]
_Flag = Annotated[bool | None, Field(strict=True), _Lenient]


class _Coin(BaseModel):
    """An entry of the list; the names but `mint` are those of media.Stream."""

    mint: Annotated[str, Field(strict=True, pattern=rf"^{MINT.pattern}$")]
    name: _Text = None
    symbol: _Text = None
    description: _Text = None
    image_uri: _Link = None
    thumbnail: _Link = None
    creator: _Text = None
    market_cap: _Number = None
    usd_market_cap: _Number = None
    num_participants: _Whole = None
    is_currently_live: _Flag = None
    created_timestamp: _Whole = None
    last_trade_timestamp: _Whole = None
    nsfw: _Flag = None
    website: _Link = None
    twitter: _Link = None
    telegram: _Link = None


class _Livestream(BaseModel):
    """The answer of /livestream, in its own words."""

    isLive: StrictBool
    numParticipants: _Whole = None
    title: _Text = None
    creatorAddress: _Text = None
    thumbnail: _Link = None


def _stream(entry: object, ignored: list[str]) -> Stream | None:
    """The stream, or None for an entry that names no coin."""
    try:
        coin = _Coin.model_validate(entry, context=ignored)
    except ValidationError:
        ignored.append("mint")
        return None
    # A missing value keeps Stream's default: no viewers, live (it is in the list), not nsfw.
    values = coin.model_dump(exclude={"mint"}, exclude_none=True)
    return Stream(id=coin.mint, discovery=NAME, **values)


def _json(data: bytes) -> Any:
    try:
        # Not the faster pydantic_core: it would refuse the whole list for one lone surrogate.
        return json.loads(data, parse_int=_int)
    except (ValueError, RecursionError) as error:
        raise _garbled("it is no JSON") from error


def _int(digits: str) -> float:
    """A number too long for int() (4300 digits) must not spoil the whole list."""
    return int(digits) if len(digits) <= 20 else math.inf


def _garbled(why: str) -> SourceGarbled:
    return SourceGarbled(
        f"pump.fun's answer can't be understood: {why}.",
        "Try again later; if it stays so, pump.fun has changed its interface: report it.",
    )
