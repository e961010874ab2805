"""How long what participants send may be; what is longer is cut."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

MOST_CONTENT_BYTES: Final = 64 * 1024
"""Of one message. LiveKit's own limit is 15 kB for a packet; text streams have none."""

LONGEST_NAME: Final = 256
"""Characters of an identity, a name, a topic, an id."""

LONGEST_METADATA: Final = 4096
MOST_ATTRIBUTES: Final = 32
LONGEST_VALUE: Final = 1024
"""Characters of one attribute's value."""


def name(text: str) -> str:
    """An identity, a name, a topic or an id."""
    return text[:LONGEST_NAME]


def attributes(given: Mapping[str, str]) -> dict[str, str]:
    """The first of them, each cut."""
    some = islice(given.items(), MOST_ATTRIBUTES)
    return {name(key): value[:LONGEST_VALUE] for key, value in some}


def content(data: bytes, *, size_bytes: int | None = None) -> dict[str, Any]:
    """Bytes as `text`, or as `base64` where they aren't UTF-8; of more than 64 KiB the first ones.

    `size_bytes`: how many there were, if that is more than `data` has.
    """
    whole = max(len(data), size_bytes or 0)
    kept = data[:MOST_CONTENT_BYTES]
    cut = {"cut": True, "size_bytes": whole} if len(kept) < whole else {}
    return {**_readable(kept, cut=bool(cut)), **cut}


def text(given: str) -> dict[str, Any]:
    """The same of what is text."""
    return content(given.encode(errors="replace"))


def _readable(data: bytes, *, cut: bool) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError as error:
        if cut and error.start >= len(data) - 3:  # a character that was cut in two
            return {"text": data[: error.start].decode()}
    return {"base64": base64.b64encode(data).decode()}
