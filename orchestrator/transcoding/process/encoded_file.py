"""What came of one file of an encode, as its row has it. Pure but for `found_made`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import HavenError
from orchestrator.mediafiles.probe import probe
from orchestrator.recordings.encodes.states import EncodeState
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


def ended_in_words(
    state: EncodeState,
    pipeline: str,
    files: Collection[Mapping[str, Any]],
    error: HavenError | None,
) -> str:
    """How an encode ended, for the event log of its recording. `files`: what came of each."""
    if error is not None:
        return f"Not encoded again with {pipeline}: {error.error}"
    if state is EncodeState.CANCELLED:
        return f"Encoding again with {pipeline} was cancelled."
    names = ", ".join(Path(file["output"]).name for file in files)
    before, after = (sum(file[f"{one}_bytes"] for file in files) for one in ("source", "output"))
    place = "in place of" if any(file["replaced"] for file in files) else "beside"
    return (
        f"Encoded again with {pipeline}: {names}, {after} bytes instead of {before}, {place} what"
        " was recorded."
    )
