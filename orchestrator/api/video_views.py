"""From the catalog's files to the desktop app's videos. Pure: nothing here reads or waits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.api.recordings import media_type
from orchestrator.api.schemas.videos import TokenInfo, VideoGroup, VideoInfo
from orchestrator.api.service import Manager
from orchestrator.catalog.library import Video


@dataclass(frozen=True, slots=True)
class VideoViews:
    """Videos as a client sees them that calls this server by `base_url`."""

    manager: Manager
    base_url: str
    """With a slash at its end."""

    def info(self, video: Video) -> VideoInfo:
        """One file."""
        file, recording = video.file, video.recording
        picture = (file.probe or {}).get("video") or {}
        return VideoInfo(
            id=_number_of(file.path),
            path=file.path,
            title=_title(video),
            duration=round(file.duration_s or 0),
            thumbnail_path=self._thumbnail(video) if picture else None,
            position=file.position,
            created_at=file.made_at,
            file_size=file.size_bytes,
            file_extension=Path(file.path).suffix.removeprefix("."),
            mime_type=media_type(recording, self.manager),
            codec=picture.get("codec"),
            creator_handle=recording.stream.get("creator"),
            mint_id=recording.mint_id,
            **_uploaded(file.remembered),
        )

    def group(self, videos: Sequence[Video]) -> VideoGroup:
        """Files of one stream, of which the newest recording knows the names best."""
        newest = max(videos, key=lambda video: video.file.made_at)
        stream = newest.recording.stream
        known = {name: stream.get(name) for name in ("name", "symbol", "image_uri", "thumbnail")}
        return VideoGroup(
            token_info=TokenInfo(mint_id=newest.recording.mint_id, **known),
            videos=[self.info(video) for video in videos],
            recording_count=len(videos),
            latest_recording_date=newest.file.made_at,
        )

    def _thumbnail(self, video: Video) -> str:
        """An address, not a path: pages that a development server gives can't show local files."""
        part = f"?part={video.file.number}" if video.file.number > 1 else ""
        return f"{self.base_url}api/recordings/{video.recording.id}/thumbnail.jpg{part}"


def _title(video: Video) -> str:
    """Stream, this machine's time, part: enough to tell them apart in the app's list."""
    stream, began = video.recording.stream, video.recording.created_at.astimezone()
    name = stream.get("name") or stream.get("symbol") or video.recording.mint_id
    part = f", part {video.file.number}" if video.file.number > 1 else ""
    return f"{name}, {began:%Y-%m-%d %H:%M}{part}"


def _uploaded(told: dict[str, Any]) -> dict[str, Any]:
    if not told:
        return {}
    same = ("root_cid", "piece_cid", "piece_id", "data_set_id", "uploaded_at")
    return {
        **{f"filecoin_{name}": told[name] for name in same},
        "cid_hash": hashlib.sha256(told["root_cid"].encode()).hexdigest(),
        "is_encrypted": told["is_encrypted"],
        "lit_encryption_metadata": told["lit_encryption_metadata"],
    }


def _number_of(path: str) -> int:
    """48 bits of its hash: JavaScript's numbers hold them (RFC 8259 §6)."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=6).digest())
