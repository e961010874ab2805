"""What is asked for: one file, encoded again with a pipeline's later profile. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.recordings.encodes.options import DEFAULT_PIPELINE, DEFAULT_QUALITY


@dataclass(frozen=True, slots=True)
class TranscodingRequest:
    """One file to encode again; of `crf` and `bitrate_bps` at most one is given."""

    source: Path
    pipeline: str = DEFAULT_PIPELINE
    quality: str = DEFAULT_QUALITY
    """low, medium or high, which are CRFs of the pipeline's encoder."""
    crf: int | None = None
    """Instead of the quality's."""
    bitrate_bps: int | None = None
    """Of the video: an average instead of a constant quality."""
    output: Path | None = None
    """None: beside the source, named after it."""
    replace: bool = False
    """Remove the source when the new file is checked and has its name."""
    vmaf: bool = False
    """Measure the new file's VMAF against the source."""

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values, for a row or a plan."""
        return {
            "source": str(self.source),
            "pipeline": self.pipeline,
            "quality": self.quality,
            "crf": self.crf,
            "bitrate_bps": self.bitrate_bps,
            "output": None if self.output is None else str(self.output),
            "replace": self.replace,
            "vmaf": self.vmaf,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> TranscodingRequest:
        """The request that `as_dict` gave."""
        output = given["output"]
        paths = {"source": Path(given["source"]), "output": output and Path(output)}
        return cls(**{**given, **paths})
