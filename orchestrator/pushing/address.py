"""Where a push goes: RTMP(S), SRT or WHIP, taken apart. Pure.

RTMP: ``rtmp://host/application/key``, where the application may have several parts and the key a
query. SRT: ``srt://host:port?streamid=…&passphrase=…`` with options of ffmpeg's protocol `libsrt`;
we call, never listen. WHIP: ``whip+https://host/path``, with its bearer token beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import masked_url

Kind = Literal["rtmp", "srt", "whip"]

SCHEMES: Final[Mapping[str, Kind]] = {
    "rtmp": "rtmp",
    "rtmps": "rtmp",
    "srt": "srt",
    "whip+http": "whip",
    "whip+https": "whip",
}
_PORTS: Final = {"rtmp": 1935, "rtmps": 443, "whip+http": 80, "whip+https": 443}

_SRT_OPTIONS: Final = frozenset(
    {
        *("streamid", "passphrase", "pbkeylen", "latency", "peerlatency", "rcvlatency", "maxbw"),
        *("inputbw", "oheadbw", "mss", "ffs", "iptos", "ipttl", "tlpktdrop", "nakreport"),
        *("sndbuf", "snddropdelay", "connect_timeout", "kmrefreshrate", "kmpreannounce"),
        *("minversion", "lossmaxttl", "payload_size", "pkt_size", "linger", "smoother"),
    }
)
_SECRET_OPTIONS: Final = frozenset({"streamid", "passphrase"})


@dataclass(frozen=True, slots=True)
class PushAddress:
    """A push's URL. `repr` has no secrets."""

    kind: Kind
    scheme: str
    host: str
    """Without brackets."""
    port: int
    shown: str
    """For logs and errors: without user, password, key and query."""
    user: str = field(default="", repr=False)
    """``user:password`` as it stands in the URL."""
    path: str = field(default="", repr=False)
    """With its query, from the slash on; of RTMP ``/application/key``."""
    application: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    """Of RTMP."""
    latency_s: float = 0.0
    """SRT: how long its receiver is asked to hold packets; 0 if nothing is asked."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.scheme in ("rtmps", "whip+https")

    def url_at(self, address: str | None = None) -> str:
        """As ffmpeg opens it; with `address` at this IP address, whatever the name resolves to."""
        host = address or self.host
        place = f"[{host}]" if ":" in host else host
        user = f"{self.user}@" if self.user else ""
        scheme = self.scheme.removeprefix("whip+")
        return f"{scheme}://{user}{place}:{self.port}{self.path}"

    @property
    def server_url(self) -> str:
        """Of RTMP: what the server is told that it was reached at (`tcUrl`)."""
        place = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{place}{port}/{self.application}"


def address_of(url: str) -> PushAddress:
    """Takes a push's URL apart. InvalidRequest, whose words have no secrets in them."""
    if any(ord(each) <= 0x20 or ord(each) == 0x7F for each in url):
        raise _bad("The address of a push has spaces or control characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as wrong:
        raise _bad("The address of a push is no URL.") from wrong
    kind = SCHEMES.get(parts.scheme)
    if kind is None:
        raise _bad(f"A push can't be made to {parts.scheme[:20] or 'an address without scheme'}.")
    if not host:
        raise _bad("The address of a push has no host.")
    if (port := port or _PORTS.get(parts.scheme)) is None:
        raise _bad("An SRT address needs its port.")
    user = parts.netloc.rpartition("@")[0]
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    made = PushAddress(kind, parts.scheme, host, port, masked_url(url), user)
    return {"rtmp": _rtmp, "srt": _srt, "whip": _whip}[kind](made, rest, parts.query)


def _rtmp(made: PushAddress, rest: str, _: str) -> PushAddress:
    path, mark, query = rest.lstrip("/").partition("?")
    application, slash, key = path.rpartition("/")
    if slash:
        key += mark + query
    elif "/" in query:  # a query of the application
        application, _, key = (path + mark + query).rpartition("/")
    if not application or not key:
        raise _bad("An RTMP address has an application and a key: rtmp://host/application/key.")
    secrets = [key, key.partition("?")[0], *(value for _, value in parse_qsl(query))]
    return replace(
        made,
        path=f"/{application}/{key}",
        application=application,
        key=key,
        secrets=_all(*secrets, *_of_user(made.user)),
    )


def _srt(made: PushAddress, rest: str, query: str) -> PushAddress:
    if made.user or rest.partition("?")[0].strip("/"):
        raise _bad("An SRT address has no path and no user: srt://host:port?streamid=….")
    options = dict(parse_qsl(query, keep_blank_values=True))
    mode = options.pop("mode", "caller")
    options.pop("transtype", None)
    if mode != "caller":
        raise _bad("A push calls the other server; it doesn't listen (mode=caller).")
    if unknown := sorted(set(options) - _SRT_OPTIONS):
        raise _bad(f"SRT has no option {unknown[0][:40]!r} for a push.")
    if not 10 <= len(options.get("passphrase", 10 * "x")) <= 79:
        raise _bad("SRT's passphrase has 10 to 79 characters.")
    # ffmpeg 9.0 decodes the URL only of streamid (libavformat/libsrt.c).
    path = "?" + urlencode({"mode": "caller", **options}, safe=":,=/#!")
    secret = [options[name] for name in _SECRET_OPTIONS if name in options]
    return replace(made, path=path, latency_s=_latency_s(options), secrets=_all(*secret, path))


def _latency_s(options: Mapping[str, str]) -> float:
    asked = (options.get(name, "") for name in ("latency", "peerlatency"))
    return max((int(each) / 1e6 for each in asked if each.isascii() and each.isdigit()), default=0)


def _whip(made: PushAddress, rest: str, query: str) -> PushAddress:
    if made.user:
        raise _bad("A WHIP address has no user: its token stands beside it (`token`).")
    parts = [each for each in re.split(r"[/?&=]", rest) if len(each) > 7]
    return replace(made, path=rest or "/", secrets=_all(rest.lstrip("/"), query, *parts))


def _of_user(user: str) -> list[str]:
    return [user, user.partition(":")[2]] if user else []


def _all(*secrets: str) -> tuple[str, ...]:
    both = (each for one in secrets for each in (one, unquote(one)))
    return tuple(dict.fromkeys(each for each in both if each))


def _bad(error: str) -> InvalidRequest:
    forms = "rtmp://, rtmps://, srt://, whip+https:// or whip+http://"
    return InvalidRequest(error, f"It begins with {forms}.", field="url")
