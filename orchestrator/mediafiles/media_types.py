"""The media types of files, by the endings of their names: of recordings, sidecars and uploads."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath
from typing import Final

OF_RECORDINGS: Final = {
    ".av1": "video/mp4",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
"""Of recordings; `.av1` files are MP4 inside."""

_TYPES: Final = OF_RECORDINGS | {
    ".m4s": "video/iso.segment",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".vtt": "text/vtt; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
}


def media_type(name: str) -> str:
    """That of a file with this name or path; for other endings, what Python's own table has."""
    suffix = PurePath(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
