"""The target of `record --output`: a folder, or a file whose extension selects the format."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import InvalidRequest
from orchestrator.recordings.formats import DEFAULT_FORMAT, FORMATS, meant, pipeline_for


@dataclass(frozen=True, slots=True)
class Target:
    """Where a recording goes."""

    folder: Path
    file_name: str | None
    """None: the recorder chooses a name."""
    pipeline: str | None
    """Chosen by the file's extension; None if a folder, --format or --pipeline decides."""
    format: str | None = None
    """Of a pipeline that makes several, chosen by the file's extension."""


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
        if chosen.copies and format:
            chosen = chosen.for_format(meant(format))
        made = _formats_by_ending(chosen, format)
        if ending not in made:
            raise _mismatch(path, chosen, sorted(made))
        return Target(path.parent, path.name, None, made[ending] if chosen.copies else None)
    return Target(path.parent, path.name, _pipeline_for(path, pipelines))


def _pipeline_for(path: Path, pipelines: Pipelines) -> str:
    """The pipeline for this extension: of av1, mp4 and webm, else one that encodes, else copies."""
    ending = _ending(path)
    found = [p for p in pipelines.by_name.values() if p.extension.lower() == ending]
    if not found:
        known = sorted({f".{p.extension}" for p in pipelines.by_name.values()})
        raise InvalidRequest(
            f"No pipeline makes {path.suffix} files like {path.name}.",
            f"Use {', '.join(known)}; a path that ends with / is a folder.",
        )
    usual = {name: n for n, name in enumerate(FORMATS)}
    return min(found, key=lambda p: (usual.get(p.name, len(FORMATS)), p.copies, p.name)).name


def _mismatch(path: Path, pipeline: Pipeline, made: Sequence[str]) -> InvalidRequest:
    endings = " or ".join(f".{ending}" for ending in made)
    return InvalidRequest(
        f"Pipeline {pipeline.name} makes {endings} files, not {path.name}.",
        "Use that extension, choose another --format, or leave --format out.",
    )


def _formats_by_ending(pipeline: Pipeline, format: str | None) -> dict[str, str]:
    """What each extension means that the pipeline can make, in the format if one is given."""
    if pipeline.copies and not format:
        return {container.extension: word for word, container in pipeline.containers.items()}
    return dict.fromkeys(_endings(pipeline), pipeline.format)


def _endings(pipeline: Pipeline) -> set[str]:
    """AV1 files are MP4 inside, and may have either extension."""
    return {pipeline.extension.lower()} | ({"mp4"} if pipeline.format == DEFAULT_FORMAT else set())


def _is_media(path: Path, pipelines: Pipelines) -> bool:
    guessed = mimetypes.guess_type(path.name)[0] or ""
    known = {ending for pipeline in pipelines.by_name.values() for ending in _endings(pipeline)}
    return guessed.startswith(("video/", "audio/")) or _ending(path) in known


def _ending(path: Path) -> str:
    return path.suffix.lower().lstrip(".")
