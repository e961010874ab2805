"""`when_full = copy`: what the machine has no capacity to encode is copied, and encoded afterwards.

Which of both it is, is decided in the transaction that adds the recording: of two requests that
ask for the last cores, one is encoded and the other one copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.reservations import Admit, Reservations
from orchestrator.encoding.pipeline.command import Pipeline, Pipelines
from orchestrator.errors import NoCapacity
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.settings import Settings

COPYING_PIPELINE: Final = "copy"
COPYING_FORMAT: Final = "mkv"


@dataclass(frozen=True, slots=True)
class CopyInstead:
    """How a stream is recorded that can't be encoded now."""

    pipeline: Pipeline
    encode: EncodeOptions | None
    """How it is encoded when it is completed; None: what was asked for has no later profile."""


def copy_instead(
    settings: Settings,
    pipelines: Pipelines,
    asked: Pipeline,
    quality: str,
    encode: EncodeOptions | None,
) -> CopyInstead | None:
    """What a request for this pipeline is when there is no capacity; None: it is refused.

    `encode`: what it asked for itself, which is kept. Else the new file takes the place of the
    copy: nobody asked for that.
    """
    copying = pipelines.by_name.get(COPYING_PIPELINE)
    if settings.when_full != "copy" or asked.copies or copying is None or not copying.copies:
        return None
    if COPYING_FORMAT in copying.formats:
        copying = copying.for_format(COPYING_FORMAT)
    if encode is None and asked.later is not None:
        encode = encode_instead(asked.name, quality)
    return CopyInstead(copying, encode)


def encode_instead(pipeline: str, quality: str) -> EncodeOptions:
    """How a copy becomes what was asked for."""
    return EncodeOptions(pipeline=pipeline, quality=quality, replace=True)


def one_or_the_other(
    as_asked: tuple[Admit, Mapping[str, Any]], copied: tuple[Admit, Mapping[str, Any]]
) -> Admit:
    """The first that fits, with its columns of the row.

    Raises the NoCapacity of the first if neither does. A transaction that is repeated may decide
    otherwise, and has other columns then.
    """

    def admit(recording: Recording, active: Sequence[Recording]) -> Reservations | None:
        try:
            return _decided(as_asked, recording, active)
        except NoCapacity as full:
            try:
                return _decided(copied, recording, active)
            except NoCapacity:
                raise full from None

    return admit


def _decided(
    choice: tuple[Admit, Mapping[str, Any]], recording: Recording, active: Sequence[Recording]
) -> Reservations | None:
    admit, columns = choice
    reservations = admit(recording, active)
    for name, value in columns.items():
        setattr(recording, name, value)
    return reservations
