"""From the catalog's files to the desktop app's videos. Pure: nothing here reads or waits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import splitext
from typing import Any

from orchestrator.api.manager_protocol import Manager
from orchestrator.api.routes.recordings import media_type
from orchestrator.api.schemas.video_library import TokenInfo, VideoGroup, VideoInfo
from orchestrator.catalog.video_library import Video


@dataclass(frozen=True, slots=True)
class VideoSerializer:
    """Makes wire types of videos, for a client that calls this server at `base_url`."""

    manager: Manager
    base_url: str
    """With a slash at its end."""

    def info(self, video: Video) -> VideoInfo:
        """One file."""
        return VideoInfo(
            id=_number_of(video.path),
            path=video.path,
            title=_title(video),
            duration=round(video.duration_s or 0),
            thumbnail_path=self._thumbnail(video) if video.codec else None,
            position=video.position,
            created_at=video.made_at,
            file_size=video.size_bytes,
            file_extension=splitext(video.path)[1].removeprefix("."),
            mime_type=media_type(video.pipeline, video.path, self.manager),
            codec=video.codec,
            creator_handle=video.stream.get("creator"),
            mint_id=video.stream_id,
            **_uploaded(video.remembered),
        )

    def group(self, videos: Sequence[Video]) -> VideoGroup:
        """The files of one stream, with the names from its newest recording."""
        newest = max(videos, key=lambda video: video.made_at)
        known = {
            name: newest.stream.get(name) for name in ("name", "symbol", "image_uri", "thumbnail")
        }
        return VideoGroup(
            token_info=TokenInfo(mint_id=newest.stream_id, **known),
            videos=[self.info(video) for video in videos],
            recording_count=len(videos),
            latest_recording_date=newest.made_at,
        )

    def _thumbnail(self, video: Video) -> str:
        """An address, not a path: pages of a development server can't show local files."""
        part = f"?part={video.number}" if video.number > 1 else ""
        return f"{self.base_url}api/recordings/{video.recording_id}/thumbnail.jpg{part}"


def _title(video: Video) -> str:
    """Stream, local time and part, to distinguish videos in the app's list."""
    stream, began = video.stream, video.created_at.astimezone()
    name = stream.get("name") or stream.get("symbol") or video.stream_id
    part = f", part {video.number}" if video.number > 1 else ""
    return f"{name}, {began:%Y-%m-%d %H:%M}{part}"


def _uploaded(upload: dict[str, Any]) -> dict[str, Any]:
    if not upload:
        return {}
    same = ("root_cid", "piece_cid", "piece_id", "data_set_id", "uploaded_at")
    return {
        **{f"filecoin_{name}": upload[name] for name in same},
        "cid_hash": hashlib.sha256(upload["root_cid"].encode()).hexdigest(),
        "is_encrypted": upload["is_encrypted"],
        "lit_encryption_metadata": upload["lit_encryption_metadata"],
    }


def _number_of(path: str) -> int:
    """48 bits of its hash, which fit into a JavaScript number (RFC 8259 §6)."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=6).digest())
