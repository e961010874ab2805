"""How a finished recording is encoded again when there is time for it ("encode later"). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

DEFAULT_QUALITY: Final = "high"
"""As of a recording."""
DEFAULT_PIPELINE: Final = "av1-svt"
"""The smallest files for the time that they take."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """What is asked for; of `crf` and `bitrate_bps` at most one is given."""

    pipeline: str = DEFAULT_PIPELINE
    quality: str = DEFAULT_QUALITY
    """low, medium or high, which are CRFs of the pipeline's encoder."""
    crf: int | None = None
    """Instead of the quality's."""
    bitrate_bps: int | None = None
    """Of the video: an average instead of a constant quality."""
    replace: bool = False
    """The new files take the place of the recording's."""
    vmaf: bool = False
    """Measure the VMAF of the new files against the recording's."""

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values, for a row and for the API."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> EncodeOptions:
        """The options that `as_dict` gave."""
        return cls(**given)
