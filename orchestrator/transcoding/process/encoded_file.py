"""What came of one file of an encode, as its row has it. Pure but for `found_made`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.mediafiles.probe import probe
from orchestrator.transcoding.result import TranscodingResult


def encoded_file(result: TranscodingResult) -> dict[str, Any]:
    """The values of the row; `source_bytes`, `output_bytes`, durations in seconds."""
    return result.as_dict() | {"audio": list(result.audio), "left_out": list(result.left_out)}


def found_made(
    source: Path, output: Path, pipeline: str, *, replaced: bool, source_bytes: int
) -> dict[str, Any]:
    """The same for a file that an earlier process made, with None for what it knew. Blocking."""
    found = probe(output, patient=True)
    unknown = ("frames", "chunks", "took_s", "fps", "audio", "left_out", "vmaf", "vmaf_least")
    return {
        **dict.fromkeys(unknown),
        "source": str(source),
        "output": str(output),
        "pipeline": pipeline,
        "source_bytes": source_bytes,
        "output_bytes": found.size_bytes,
        "duration_s": found.duration_s,
        "replaced": replaced,
    }
