"""What HLS has at a target, below the recording's folder: the same names as the server's."""

from __future__ import annotations

from typing import Any, Final

from orchestrator.recordings.hls.view import MASTER, MEDIA

FOLDER: Final = "hls"
MEDIA_NAME: Final = f"{FOLDER}/{MEDIA}"
MASTER_NAME: Final = f"{FOLDER}/{MASTER}"
SUMS_NAME: Final = f"{FOLDER}/sha256sums.txt"
"""Of all pieces and headers, as sha256sum(1) checks them."""
LASTING: Final = "max-age=31536000, immutable"
CHANGING: Final = "no-cache"
"""Cache-Control of what never changes, and of playlists."""


def attributes_of(key: str, content_type: str) -> Any:
    """What is said with an object, as obstore takes it; `key`: below the target's address."""
    attributes = {"Content-Type": content_type}
    if key.endswith(".m3u8"):
        attributes["Cache-Control"] = CHANGING
    elif key.split("/")[1:2] == [FOLDER] and key.endswith((".m4s", ".mp4")):
        attributes["Cache-Control"] = LASTING
    return attributes
