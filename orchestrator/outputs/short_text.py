"""Outputs as short texts, as a person types them.

::

    hls                             hls:low-latency           hls:window=10m
    images                          images:10s,webp           images:scenes,width=640,no-sprite
    push:rtmp://host/app/key        push:srt://host:9000
    upload:s3://bucket/prefix       upload:hls,until-uploaded,limit=8M,s3://bucket/prefix

What else an output can have (a token, credentials) is named in JSON, as in the API: a text that
begins with { is read as that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import Output

_ADAPTER: Final[TypeAdapter[Output]] = TypeAdapter(Output)

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNITS_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_UNITS_BPS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def read_short(text: str) -> Output:
    """The output that a text names; InvalidRequest says which part of it is wrong."""
    if text.lstrip().startswith("{"):
        return _from_json(text)
    kind, colon, rest = text.strip().partition(":")
    if kind not in _WORDS:
        raise _wrong(
            f"{kind[:40]!r} is no type of output",
            f"Name one of {', '.join(sorted(_WORDS))}; of an address, push: or upload: before it.",
        )
    address = _ADDRESS.search(rest) if kind in ("push", "upload") else None
    options = rest[: address.start()] if address else rest
    values: dict[str, Any] = {"type": kind}
    if address:
        values["url"] = rest[address.start() :]
        options = options.removesuffix(",").removesuffix(":")
    elif kind in ("push", "upload"):
        raise _wrong(f"{kind} has no address", f"Write it as {_EXAMPLES[kind]}.")
    if colon and not rest:
        raise _wrong(f"nothing stands behind {kind}:", f"Write it as {_EXAMPLES[kind]}.")
    for word in options.split(",") if options else ():
        values |= _option(kind, word.strip())
    return _checked(values)


def _option(kind: str, word: str) -> dict[str, Any]:
    """The fields that one word between the commas sets."""
    known, (name, equals, value) = _WORDS[kind], word.partition("=")
    if word in known:
        return dict(known[word])
    if equals and name in _VALUES[kind]:
        field, read = _VALUES[kind][name]
        return {field: read(kind, word, value)}
    if kind == "images" and re.match(r"\d", word):
        return {"interval_s": _seconds(kind, word, word)}
    of = [*known, *(f"{name}=…" for name in _VALUES[kind])]
    if kind == "images":
        of.insert(0, "10s")
    raise _wrong(
        f"{kind} has no option {word!r}",
        f"It has {', '.join(of)}." if of else f"Write it as {_EXAMPLES[kind]}.",
    )


def _seconds(kind: str, word: str, value: str) -> float:
    parts = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([smh]?)", value)
    if parts is None:
        raise _wrong(f"in {word!r} of {kind} is no time", "Write it as 10, 10s, 15m or 1.5h.")
    return float(parts[1]) * _UNITS_S[parts[2]]


def _bits(kind: str, word: str, value: str) -> int:
    parts = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([kMG]?)", value)
    if parts is None:
        raise _wrong(f"in {word!r} of {kind} is no bit rate", "Write it as 800k or 8M.")
    return round(float(parts[1]) * _UNITS_BPS[parts[2]])


def _pixels(kind: str, word: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,6}", value):
        raise _wrong(f"in {word!r} of {kind} is no number of pixels", "Write it as width=640.")
    return int(value)


_WORDS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "hls": {"low-latency": {"low_latency": True}},
    "images": {
        "scenes": {"scene_changes": True},
        "jpeg": {"format": "jpeg"},
        "webp": {"format": "webp"},
        "no-sprite": {"sprite": False},
    },
    "push": {},
    "upload": {"hls": {"hls": True}, "until-uploaded": {"keep_local": "until_uploaded"}},
}
"""What a word sets, by type."""

_VALUES: Final[Mapping[str, Mapping[str, tuple[str, Callable[[str, str, str], Any]]]]] = {
    "hls": {"window": ("window_s", _seconds)},
    "images": {"width": ("width", _pixels)},
    "push": {},
    "upload": {"limit": ("bandwidth_bps", _bits)},
}
"""The field of a word with a value, and how the value is read."""

_EXAMPLES: Final = {
    "hls": "hls or hls:low-latency",
    "images": "images:10s",
    "push": "push:rtmp://host/app/key",
    "upload": "upload:s3://bucket/prefix or upload:file:///folder",
}


def _from_json(text: str) -> Output:
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        raise _refused(error) from None


def _checked(values: Mapping[str, Any]) -> Output:
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> InvalidRequest:
    """Without what was given, which may be a secret."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return _wrong(f"{where}: {first['msg']}" if where else first["msg"], "See docs/api.md.")


def _wrong(what: str, advice: str) -> InvalidRequest:
    return InvalidRequest(f"This names no output: {what}.", advice, field="outputs")
