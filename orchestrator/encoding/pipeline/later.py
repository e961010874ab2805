"""The later profile of a pipeline: how a finished file is encoded again, slowly and small.

It is optional: `build_later(job)` in a pipeline's file, with the CRFs of the qualities. It encodes
video only, a chunk of the file at a time; audio is the transcoder's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ffmpeg as ffmpeg_python

from orchestrator.encoding.pipeline.job import Later, LaterJob, Pipeline
from orchestrator.encoding.pipeline.safe_options import outputs
from orchestrator.encoding.pipeline.user_code import broken, guarded, output_of
from orchestrator.errors import InvalidRequest, PipelineBroken

QUALITIES: Final = ("low", "medium", "high")
USUAL_LARGEST_CRF: Final = 63
"""Of AV1 and VP9."""

Refuse = Callable[[str, str], PipelineBroken]


def later_of(values: Mapping[str, Any], refuse: Refuse) -> Later | None:
    """The later profile among a pipeline file's names; None if it has none."""
    build, crfs = values.get("build_later"), values.get("LATER_CRFS")
    if build is None and crfs is None:
        return None
    if not callable(build) or not hasattr(build, "__code__"):
        raise refuse("LATER_CRFS", "LATER_CRFS needs the function build_later(job)")
    largest = values.get("LATER_LARGEST_CRF", USUAL_LARGEST_CRF)
    if not isinstance(largest, int) or largest < 1:
        raise refuse("LATER_LARGEST_CRF", "LATER_LARGEST_CRF must be a whole number from 1 upwards")
    named = dict(crfs) if isinstance(crfs, dict) and set(crfs) == set(QUALITIES) else {}
    if not named or not all(isinstance(n, int) and 0 <= n <= largest for n in named.values()):
        problem = f"LATER_CRFS must have a CRF of 0 to {largest} for each of {', '.join(QUALITIES)}"
        raise refuse("LATER_CRFS", problem)
    return Later(build, named, largest)


def require_later(pipeline: Pipeline, others: Mapping[str, Pipeline]) -> Later:
    """The pipeline's later profile; InvalidRequest that names the pipelines that have one."""
    if pipeline.later is not None:
        return pipeline.later
    able = ", ".join(sorted(name for name, one in others.items() if one.later)) or "none"
    if pipeline.copies:
        raise InvalidRequest(
            f"Pipeline {pipeline.name} copies frames as they come: it can't encode a file.",
            f"Pipelines that can: {able}.",
        )
    raise InvalidRequest(
        f"Pipeline {pipeline.name} has no later profile, which encoding a file again needs.",
        f"Pipelines with one: {able}; docs/pipelines.md explains how to write build_later(job).",
    )


@dataclass(frozen=True, slots=True)
class Aside:
    """A further output of the same run, of the transcoder's own."""

    stream: Any
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)


def later_arguments(
    pipeline: Pipeline, later: Later, job: LaterJob, asides: Sequence[Aside] = ()
) -> list[str]:
    """Inputs, filters and outputs of one run; PipelineBroken if the pipeline can't build it."""
    built = output_of(pipeline.name, pipeline.path, later.build, job, "build_later")
    nodes = outputs(built.node)
    if [node.kwargs["filename"] for node in nodes] != [job.output]:
        line = later.build.__code__.co_firstlineno
        problem = "build_later() must have one output, job.output"
        raise broken(pipeline.name, pipeline.path, line, problem)
    nodes[0].kwargs = {**job.safe_options, **nodes[0].kwargs}
    # The encoder's own output comes first: ffmpeg's progress counts the frames of that.
    further = [ffmpeg_python.output(each.stream, each.path, **each.options) for each in asides]
    with guarded(pipeline.name, pipeline.path):
        merged = ffmpeg_python.merge_outputs(built, *further) if further else built
        return [str(word) for word in ffmpeg_python.get_args(merged)]
