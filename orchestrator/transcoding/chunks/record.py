"""What is known of a finished chunk; it stands beside the chunk's file. Pure but for the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.transcoding.chunks.command import Listed
from orchestrator.transcoding.work_folder import read_json, write_json


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """One chunk: its file is whole."""

    number: int
    times: tuple[int, ...]
    """When each frame is shown, as it was decoded, in the source's time base."""
    head: tuple[tuple[int, str], ...]
    """The last frames of its run-in: their times and checksums."""
    tail: tuple[tuple[int, str], ...]
    """Its own last frames, which are the next one's run-in."""
    delay: int
    """By how many frames the encoder's order is behind that in which they are shown, at most."""
    bytes: int
    vmaf: float | None = None
    """The mean of its frames."""
    vmaf_least: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def video_path(folder: Path, number: int) -> Path:
    """Of the chunk's file."""
    return folder / f"chunk{number:05}.nut"


def record_path(folder: Path, number: int) -> Path:
    """Of its record: it is written last, so that what it tells of is there."""
    return folder / f"chunk{number:05}.json"


def write_record(folder: Path, record: ChunkRecord) -> None:
    """Blocking."""
    write_json(record_path(folder, record.number), record.as_dict())


def read_record(folder: Path, number: int) -> ChunkRecord | None:
    """None if the chunk isn't finished. Blocking."""
    kept = read_json(record_path(folder, number))
    video = video_path(folder, number)
    if kept is None or not video.is_file() or video.stat().st_size != kept.get("bytes"):
        return None
    pairs = {
        name: tuple((int(at), str(sum)) for at, sum in kept[name]) for name in ("head", "tail")
    }
    return ChunkRecord(**{**kept, **pairs, "times": tuple(kept["times"])})


def pairs_of(frames: Sequence[Listed]) -> tuple[tuple[int, str], ...]:
    """As a record keeps them."""
    return tuple((frame.pts, frame.checksum) for frame in frames)


def with_vmaf(record: ChunkRecord, mean: float, least: float) -> ChunkRecord:
    """The record with its measured VMAF."""
    return replace(record, vmaf=mean, vmaf_least=least)
