"""The words for `output_format`: av1, mp4 and webm, and the `FORMAT` of each loaded pipeline.

The three mean the pipelines of those names, which a user's file may replace. Any other word means
the pipeline with that `FORMAT`. If several have it: one that encodes rather than one that copies,
then the one of that name, else the first by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from orchestrator.encoding.pipeline.job import Pipeline
    from orchestrator.encoding.pipeline.loading import Pipelines

FORMATS: Final = ("av1", "mp4", "webm")
FORMAT_ALIASES: Final = {"h264": "mp4", "vp9": "webm"}
DEFAULT_FORMAT: Final = "av1"


def formats_of(by_name: Mapping[str, Pipeline]) -> dict[str, Pipeline]:
    """The pipeline behind each format that can be asked for: the three first, then the others.

    One of the three whose pipeline doesn't load is left out.
    """
    formats = {name: by_name[name] for name in FORMATS if name in by_name}
    for pipeline in sorted(by_name.values(), key=_rank):
        if pipeline.format not in FORMATS and pipeline.format not in FORMAT_ALIASES:
            formats.setdefault(pipeline.format, pipeline)
    return formats


def _rank(pipeline: Pipeline) -> tuple[bool, bool, str]:
    return (pipeline.copies, pipeline.name != pipeline.format, pipeline.name)


def meant(word: str) -> str:
    """The format by its name or alias."""
    return FORMAT_ALIASES.get(word, word)


def format_named(pipelines: Pipelines, name: str | None) -> str:
    """The format that a request's word means (None: av1).

    Raises InvalidRequest with the words that can be used.
    """
    wanted = meant(name or DEFAULT_FORMAT)
    known = [*FORMATS, *(word for word in formats_of(pipelines.by_name) if word not in FORMATS)]
    broken = {failure.name for failure in pipelines.failures}
    if wanted not in known and wanted not in broken:
        raise InvalidRequest(
            f"Unknown output_format: {(name or '')[:40]!r}",
            f"Use one of: {', '.join(known)}.",
            field="output_format",
        )
    return wanted


def pipeline_for(pipelines: Pipelines, name: str | None) -> Pipeline:
    """The pipeline that makes what a request's word means (None: av1).

    Raises InvalidRequest for an unknown word, PipelineBroken when the pipeline's file doesn't load.
    """
    wanted = format_named(pipelines, name)
    return formats_of(pipelines.by_name).get(wanted) or pipelines.get(wanted)


def extension_of(pipeline: Pipeline, av1_extension: str) -> str:
    """Of the files that a pipeline makes; that of AV1 is a setting."""
    return av1_extension if pipeline.format == DEFAULT_FORMAT else pipeline.extension
