"""An address that ffmpeg reads: what it is for ffmpeg, which parts are secrets. Pure.

What stands in an address and isn't known to be harmless counts as a secret: user and password, all
of a query, and the last part of an RTMP path, which is the stream key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from orchestrator.errors import SourceError

PROTOCOLS: Final[Mapping[str, str]] = {
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "srt": "srt",
    "rtsp": "rtsp,rtp,rtcp,udp,tcp",
    "rtsps": "rtsps,rtp,srtp,udp,tls,tcp",
    "http": "http,https,tls,tcp,crypto",
    "https": "https,tls,tcp,crypto",
    "file": "file",
}
"""The protocols that ffmpeg may use for each scheme (option ``protocol_whitelist``), so that a
playlist can't make it read anything else: a file names no server, a server names no file."""

FILES: Final = frozenset({"file", "http", "https"})
"""Schemes of what ends by itself; it is read at the speed of its own clock."""

MASK: Final = "***"

_LISTENING: Final = frozenset({"rtmp", "rtsp"})
"""Schemes for which ``listen=1`` in the query is ours; SRT has ``mode=listener``."""

_SHORT: Final = 4
"""A secret with fewer characters is masked only where it stands alone."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL as ffmpeg opens it."""

    scheme: str
    url: str
    shown: str
    """For errors and logs: without secrets."""
    listens: bool
    """A publisher connects to us; else we connect."""
    options: Mapping[str, str]
    """Of ffmpeg's demuxer and protocol."""
    secrets: tuple[str, ...]

    @property
    def is_file(self) -> bool:
        """Whether it ends by itself, and is read at its own speed."""
        return self.scheme in FILES

    @property
    def protocols(self) -> str:
        """What ffmpeg may use to read it."""
        return PROTOCOLS[self.scheme]


def address_of(url: str) -> Address:
    """Takes the URL apart. Raises SourceError for one that can't be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as wrong:
        raise _bad("The stream's address is no URL.") from wrong
    if parts.scheme not in PROTOCOLS or any(ord(each) < 0x20 for each in url):
        raise _bad(f"The stream's address can't be read: its scheme is {parts.scheme[:20]!r}.")
    query = parse_qsl(parts.query, keep_blank_values=True)
    listens = _listens(parts.scheme, query)
    if parts.scheme == "file":
        # In a file's name everything is part of it.
        path = unquote(url.removeprefix("file://"))
        if not path.startswith("/"):
            raise _bad("The address of a file has the form file:///folder/file.")
        if any(ord(each) < 0x20 for each in path):
            raise _bad("The address of a file has control characters.")
        return Address("file", f"file:{path}", f"file://{path}", False, {}, ())
    given = url
    if listens and parts.scheme in _LISTENING:
        rest = urlencode([each for each in query if each[0] != "listen"], quote_via=quote)
        given = parts._replace(query=rest).geturl()
    secrets = _secrets(parts.scheme, parts.path, parts.netloc, parts.query)
    options = _options(parts.scheme, listens)
    return Address(parts.scheme, given, shown(url), listens, options, secrets)


def shown(url: str) -> str:
    """The address without its secrets."""
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        return url
    authority, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    if scheme in ("rtmp", "rtmps"):
        folder, deeper, _ = path.rstrip("/").rpartition("/")
        path = f"{folder}{deeper}{MASK}" if path else ""
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORT:
            text = text.replace(secret, MASK)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return text


def _listens(scheme: str, query: list[tuple[str, str]]) -> bool:
    if scheme == "srt":
        return ("mode", "listener") in query
    return scheme in _LISTENING and any(
        name == "listen" and value not in ("", "0") for name, value in query
    )


def _options(scheme: str, listens: bool) -> dict[str, str]:
    if scheme in ("rtsp", "rtsps"):
        # Over TCP nothing is lost, and no firewall has to let UDP through.
        if not listens:
            return {"rtsp_flags": "prefer_tcp"}
        # FFmpeg 9.0 multiplies its default, -1, by 1000 and then refuses it.
        return {"rtsp_flags": "listen", "listen_timeout": "86400"}
    if scheme == "rtmp" and listens:
        return {"listen": "1"}
    return {}


def _secrets(scheme: str, path: str, authority: str, query: str) -> tuple[str, ...]:
    """Each as it stands in the address, and decoded."""
    found: list[str] = []
    user, at, _ = authority.rpartition("@")
    if at:
        found += [user, *user.split(":", 1)[1:]]
    if query:
        found.append(query)
        harmless = {"listener", "caller", "rendezvous", "1", "0", "live"}
        found += [value for _, value in parse_qsl(query) if value not in harmless]
        found += [each.partition("=")[2] for each in query.split("&")]
        found = [each for each in found if each not in harmless]
    if scheme in ("rtmp", "rtmps"):
        found.append(path.rstrip("/").rpartition("/")[2])
    both = [each for one in found for each in (one, unquote(one))]
    return tuple(dict.fromkeys(each for each in both if each))


def _bad(error: str) -> SourceError:
    return SourceError(error, f"It has to begin with {', '.join(f'{s}://' for s in PROTOCOLS)}.")
