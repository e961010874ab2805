"""What the id of a stream may be: any name, but no address, which may have a key in it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from orchestrator.errors import InvalidRequest

LONGEST_ID: Final = 256

_ADDRESS: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://")
_LONGEST_SCHEME: Final = 20


def check_stream_id(stream_id: str) -> str:
    """The id itself if a stream can have it: 1 to 256 characters, none of them a control character.

    Raises InvalidRequest, which repeats nothing of an address but its scheme.
    """
    if not 1 <= len(stream_id) <= LONGEST_ID:
        raise InvalidRequest(
            f"mint_id has {len(stream_id)} characters.",
            f"1 to {LONGEST_ID} are allowed; GET /api/streams lists the ids of live streams.",
            field="mint_id",
        )
    check_no_address(stream_id)
    # Cc: control characters; Cs: half a character, which no UTF-8 text can hold.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in stream_id):
        raise InvalidRequest(
            f"mint_id {stream_id!r} contains a control character.",
            "Send the id exactly as GET /api/streams gives it.",
            field="mint_id",
        )
    return stream_id


def check_no_address(stream_id: str) -> None:
    """Raises InvalidRequest for an address in the place of an id."""
    if (address := _ADDRESS.match(stream_id)) is None:
        return
    raise InvalidRequest(
        f"mint_id is an address ({address[1][:_LONGEST_SCHEME]}://…), not the id of a stream.",
        "Give the address a name of its own, with POST /api/streams or [streams.ID] in the "
        "settings, and use that as mint_id; on the command line `orchestrator record "
        "whep+https://…` (or rtmp://…, srt://…, rtsp://…, file:///…) records an address once.",
        field="mint_id",
    )


def check_own_id(stream_id: str) -> str:
    """The same of a stream with a name of its own, whose id has to do in a path of the API, too.

    Clients and proxies take `.`, `..` and empty parts out of a path (RFC 3986 §5.2.4).
    """
    check_stream_id(stream_id)
    if odd := [part for part in stream_id.split("/") if part in ("", ".", "..")]:
        what = f"the part {odd[0]!r}" if odd[0] else "an empty part"
        raise InvalidRequest(
            f"mint_id has {what}, which no address of this API can have.",
            "Choose an id like lobby or hall/stage, without . and .. between slashes, and without "
            "a slash at either end.",
            field="mint_id",
        )
    return stream_id
