"""Kinds of sidecars, and their names: `talk.mp4` has `talk.sprite.vtt`, `talk.images/…`.

A sidecar belongs to a recording as a whole, and its times are those of the recording: one that was
split has its sidecars beside its first file, by that one's name.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final


class SidecarKind(StrEnum):
    """What a sidecar is."""

    IMAGE = "image"
    SPRITE = "sprite"
    """Small images in one, for a player's time line."""
    SPRITE_VTT = "sprite_vtt"
    """WebVTT that says where in the sprite each time is."""
    DATA = "data"
    """JSON lines of what participants sent and did."""
    VTT = "vtt"
    """WebVTT of what was transcribed."""
    CHAT_VTT = "chat_vtt"
    """WebVTT of the chat."""
    MANIFEST = "manifest"


_ENDINGS: Final = {
    SidecarKind.SPRITE: "sprite.jpg",
    SidecarKind.SPRITE_VTT: "sprite.vtt",
    SidecarKind.DATA: "data.jsonl",
    SidecarKind.VTT: "vtt",
    SidecarKind.CHAT_VTT: "chat.vtt",
    SidecarKind.MANIFEST: "manifest.json",
}
"""What follows the name of the recording's file, less its suffix, and a dot."""

IMAGES: Final = "images"
"""The folder of a recording's images."""


def ending(kind: SidecarKind) -> str:
    """What follows the name of the recording's file, less its suffix, and a dot."""
    return _ENDINGS[kind]


def image_ending(at_s: float, suffix: str) -> str:
    """The same of an image at so many seconds: `images/00000010.0.jpg`."""
    return f"{IMAGES}/{at_s:010.1f}.{suffix}"


def image_at_s(path: Path) -> float | None:
    """The seconds in the name of such an image; None of another file."""
    try:
        return float(path.stem)
    except ValueError:
        return None


def name_of(output: Path, ending: str) -> str:
    """The name of a sidecar of this file: its path below the file's folder, with /."""
    return f"{output.stem}.{ending}"
