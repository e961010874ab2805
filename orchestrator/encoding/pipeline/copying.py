"""A pipeline that copies: its file has `COPIES = True` and no `build(job)`.

What it writes follows from the words in its `FORMATS`, all known to `stream_copy.containers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator.encoding.pipeline.job import COPY, Pipeline
from orchestrator.errors import PipelineBroken
from orchestrator.stream_copy.containers import CONTAINERS, Container

COPYING_S: Final = 0.00025
"""CPU seconds that the packets of a megapixel of video take, beside `cpu_budget.COPYING_CORES`."""

_OF_ENCODERS: Final = ("build", "build_later", "VIDEO_CODEC", "AUDIO_CODEC", "SPEEDS", "COSTS")

Refuse = Callable[[str, str], PipelineBroken]


def copies(values: Mapping[str, Any], refuse: Refuse) -> bool:
    """Whether the names of a pipeline's file are those of one that copies."""
    value = values.get("COPIES", False)
    if not isinstance(value, bool):
        raise refuse("COPIES", "COPIES must be True or False")
    return value


def copying_pipeline(
    path: Path, description: str, values: Mapping[str, Any], digest: str, refuse: Refuse
) -> Pipeline:
    """The pipeline of such a file."""
    for name in _OF_ENCODERS:
        if name in values:
            raise refuse(name, f"a pipeline that copies has no {name}: it has no encoder")
    containers = _containers(values, refuse)
    first = next(iter(containers.values()))
    return Pipeline(
        name=path.stem,
        description=description,
        format=first.word,
        extension=first.extension,
        container=first.muxer,
        segment_suffix=f".{first.extension}",
        mime_type=first.mime_type,
        video_codec=COPY,
        audio_codec=COPY,
        speeds=(COPY,),
        default_speed=0,
        path=path,
        build=None,
        shipped=(COPYING_S,),
        mixed_sizes=True,
        containers=containers,
        digest=digest,
    )


def _containers(values: Mapping[str, Any], refuse: Refuse) -> dict[str, Container]:
    words = values.get("FORMATS", tuple(CONTAINERS))
    good = isinstance(words, (tuple, list)) and all(isinstance(word, str) for word in words)
    if not good or not words or not set(words) <= set(CONTAINERS):
        problem = f"FORMATS must be a tuple of at least one of {', '.join(CONTAINERS)}"
        raise refuse("FORMATS", problem)
    return {word: CONTAINERS[word] for word in words}
