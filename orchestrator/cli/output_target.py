"""The target of `record --output`: a folder, or a file whose extension selects the format."""

from __future__ import annotations

import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import InvalidRequest
from orchestrator.recordings.formats import DEFAULT_FORMAT, FORMATS, pipeline_for


@dataclass(frozen=True, slots=True)
class Target:
    """Where a recording goes."""

    folder: Path
    file_name: str | None
    """None: the recorder chooses a name."""
    pipeline: str | None
    """Chosen by the file's extension; None if a folder, --format or --pipeline decides."""


def target(output: str, format: str | None, pipeline: str | None, pipelines: Pipelines) -> Target:
    """InvalidRequest if no pipeline, or not the chosen one, makes such files. Reads the disk."""
    try:
        path = Path(output).expanduser().absolute()
    except RuntimeError as error:
        raise InvalidRequest(
            f"Can't record to {output}: there is no such user.", "Use another path."
        ) from error
    # os.path.isdir: a name that is too long is no folder, and refused later.
    if output.endswith(os.sep) or os.path.isdir(path) or not _is_media(path, pipelines):
        return Target(path, None, None)
    ending = _ending(path)
    if pipeline or format:
        chosen = pipelines.get(pipeline) if pipeline else pipeline_for(pipelines, format)
        if ending not in _endings(chosen):
            raise _mismatch(path, chosen)
        return Target(path.parent, path.name, None)
    return Target(path.parent, path.name, _pipeline_for(path, pipelines))


def _pipeline_for(path: Path, pipelines: Pipelines) -> str:
    """The pipeline for this extension; those of av1, mp4 and webm come first."""
    ending = _ending(path)
    names = [p.name for p in pipelines.by_name.values() if p.extension.lower() == ending]
    if not names:
        known = sorted({f".{p.extension}" for p in pipelines.by_name.values()})
        raise InvalidRequest(
            f"No pipeline makes {path.suffix} files like {path.name}.",
            f"Use {', '.join(known)}; a path that ends with / is a folder.",
        )
    return next((name for name in FORMATS if name in names), min(names))


def _mismatch(path: Path, pipeline: Pipeline) -> InvalidRequest:
    endings = " or ".join(f".{ending}" for ending in sorted(_endings(pipeline)))
    return InvalidRequest(
        f"Pipeline {pipeline.name} makes {endings} files, not {path.name}.",
        "Use that extension, choose another --format, or leave --format out.",
    )


def _endings(pipeline: Pipeline) -> set[str]:
    """AV1 files are MP4 inside, and may have either extension."""
    return {pipeline.extension.lower()} | ({"mp4"} if pipeline.format == DEFAULT_FORMAT else set())


def _is_media(path: Path, pipelines: Pipelines) -> bool:
    guessed = mimetypes.guess_type(path.name)[0] or ""
    known = {ending for pipeline in pipelines.by_name.values() for ending in _endings(pipeline)}
    return guessed.startswith(("video/", "audio/")) or _ending(path) in known


def _ending(path: Path) -> str:
    return path.suffix.lower().lstrip(".")
