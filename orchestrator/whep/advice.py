"""What to do about a status with which a WHEP server refuses."""

from __future__ import annotations

from typing import Final

_NO_WHEP: Final = "The address is not that of a WHEP resource."
_ADVICE: Final[dict[int, str]] = {
    401: "Check the token.",
    403: "The token does not allow watching this stream.",
    404: "Check the address, and that the stream is live now.",
    405: _NO_WHEP,
    406: (
        "The server can't send what can be received here: "
        "VP8, VP9, AV1, H.264 or H.265, and Opus or G.711."
    ),
    409: "The stream is not live now.",
    410: "The stream is not live any more.",
    415: _NO_WHEP,
}


def advice_for(status: int, *, with_token: bool) -> str:
    """In a sentence; `with_token`: the request had a bearer token."""
    if status in (401, 403) and not with_token:
        return "It wants a bearer token: set one (token, --token-file or WHEP_TOKEN)."
    return _ADVICE.get(status, "Check the address and the server's log.")
