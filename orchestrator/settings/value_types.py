"""Types of settings: how their values are parsed and validated."""

from __future__ import annotations

import json
import re
import tempfile
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

_PATH_PREFIX: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]{1,64}){1,8}")
_OURS: Final = re.compile(r"/(?:api|dashboard|docs|livez|metrics|openapi\.json|readyz|whip)(?:/|$)")

APP: Final = "haven-recorder"
PREFIX: Final = "ORCHESTRATOR_"

LONGEST_URL: Final = 2048
_ODD: Final = re.compile(r"[\x00-\x20\x7f]")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")

SHORTEST_KEY: Final = 16
"""Least characters of an API key."""

FFMPEG_ENVIRONMENT: Final = (
    *("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_*"),
    # Where its libraries are, and those of GPUs.
    *("LD_LIBRARY_PATH", "DYLD_*", "LIBVA_*", "VDPAU_*", "CUDA_VISIBLE_DEVICES"),
    *("FONTCONFIG_*", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS"),
    "SVT_LOG",
)
"""Passed to ffmpeg by default: locations, and no credentials."""

MEDIA_SCHEMES: Final = ("rtmp", "rtmps", "srt", "rtsp", "rtsps", "http", "https")
"""Of addresses that ffmpeg reads, besides files."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?|\*")


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        message = f"{path} needs a home folder: set HOME, or use an absolute path"
        raise ValueError(message) from error


def _url(value: str, schemes: tuple[str, ...]) -> str:
    if len(value) > LONGEST_URL or _ODD.search(value):
        raise ValueError(
            f"an address has at most {LONGEST_URL} characters, no space and no control character"
        )
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # its own words repeat a part of the address, which may be a secret
        raise ValueError(
            "should name a host, and a port from 1 to 65535, with /, @ and : of a user or password "
            "as %2F, %40 and %3A"
        ) from None
    if parts.scheme not in schemes or not named:
        raise ValueError(
            f"should begin with {', '.join(f'{s}://' for s in schemes)} and name a host"
        )
    return value


def _media_url(value: str) -> str:
    if value.startswith("file:"):
        if not value.startswith("file:///"):
            raise ValueError("a file has an address like file:///folder/file.mp4")
        return value
    # SRT listens at every address when none is named.
    hosted = re.sub(r"^srt://(?=:\d)", "srt://0.0.0.0", value)
    try:
        _url(hosted, MEDIA_SCHEMES)
    except ValueError as wrong:
        raise ValueError(f"{wrong}, or be file:///folder/file.mp4") from None
    return value


def _origin(value: str) -> str:
    if value in ("null", "*"):
        return value
    if urlsplit(_url(value, ("http", "https"))).path:
        raise ValueError("an origin has no path, not even a trailing slash")
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise ValueError(
            f"{value!r} is not an address or network like 10.0.0.5 or 10.0.0.0/8"
        ) from None


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"{value!r} is not a variable's name, nor a prefix like LC_*")
    return value


def is_path_prefix(value: str) -> bool:
    """Whether it can prefix our paths: /a or /a/b, but none of our own paths."""
    return bool(_PATH_PREFIX.fullmatch(value)) and _OURS.match(value) is None


def _path_prefix(value: str) -> str:
    value = value.rstrip("/")
    if value and not is_path_prefix(value):
        raise ValueError(
            "should be a path like /recorder of letters, digits and ._~-, and none of the API's own"
        )
    return value


def _key(value: SecretStr) -> SecretStr:
    length = len(value.get_secret_value())
    if length < SHORTEST_KEY:
        raise ValueError(
            f"it has {length} characters and could be guessed: use at least {SHORTEST_KEY}, "
            "for example from `openssl rand -hex 24`"
        )
    return value


def temporary() -> Path:
    """The system's temporary folder; if none is usable, that is reported where one is needed."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path("/tmp")


def _stream_key(value: SecretStr) -> SecretStr:
    """One that the header `Authorization: Bearer KEY` can have, as it is compared."""
    text = _key(value).get_secret_value()
    if text != text.strip():
        raise ValueError("a key has no space at its beginning or end")
    if text[:7].lower() == "bearer ":
        raise ValueError("a key is given without the word Bearer")
    return value


def _token(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("a token has 1 to 4096 characters of ASCII, none of them a space")
    return value


def _items(value: object) -> object:
    return [i.strip() for i in value.split(",") if i.strip()] if isinstance(value, str) else value


AnyPath = Annotated[Path, AfterValidator(_expanded)]
Folder = Annotated[Path, AfterValidator(_expanded), AfterValidator(Path.absolute)]
Listed = BeforeValidator(_items)
RoomUrl = Annotated[str, AfterValidator(lambda v: _url(v, ("ws", "wss", "http", "https")))]
HttpUrl = Annotated[str, AfterValidator(lambda v: _url(v, ("http", "https")))]
MediaUrl = Annotated[str, AfterValidator(_media_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Variable = Annotated[str, AfterValidator(_variable)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
Network = Annotated[str, AfterValidator(_network)]
BearerToken = Annotated[SecretStr, AfterValidator(_token)]
ApiKey = Annotated[SecretStr, AfterValidator(_key)]
StreamKey = Annotated[SecretStr, AfterValidator(_stream_key)]


def from_json(example: str) -> BeforeValidator:
    """Reads a value that the environment gives as JSON, such as the example."""

    def parsed(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError(f"should be JSON like {example}") from None

    return BeforeValidator(parsed)


def masked(value: Any) -> Any:
    """The value without the password of a URL in it."""
    return (
        re.sub(r"(://[^:/@\s]*):[^@/\s]+@", r"\1:***@", value) if isinstance(value, str) else value
    )
