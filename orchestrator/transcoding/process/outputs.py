"""Which new files an encode makes, whether they are made already, and how they are removed.

Blocking.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from orchestrator.catalog.models import File
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.mediafiles.probe import probe
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.formats import extension_of
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.work_folder import LOCK, PLAN, work_folder_of

SAME_S: Final = 0.5
"""A file that an earlier process made has the duration of its source, but for its last packets."""


def request_for(file: File, options: EncodeOptions, output: Path) -> TranscodingRequest:
    """What is asked of the transcoder for one file of a recording."""
    return TranscodingRequest(
        source=Path(file.path),
        pipeline=options.pipeline,
        quality=options.quality,
        crf=options.crf,
        bitrate_bps=options.bitrate_bps,
        output=output,
        replace=options.replace,
        vmaf=options.vmaf,
    )


def free_output(source: Path, pipeline: Pipeline, av1_extension: str) -> Path:
    """A name beside the source, like its own, that nothing has and nobody is making."""
    extension = extension_of(pipeline, av1_extension)
    names = _names(source, pipeline.name, extension)
    return next(path for path in names if not _is_taken(path))


def _names(source: Path, made_by: str, extension: str) -> Iterator[Path]:
    yield source.with_name(f"{source.stem}.{extension}")
    named = f"{source.stem}_{made_by}"
    yield source.with_name(f"{named}.{extension}")
    for number in count(2):
        yield source.with_name(f"{named}_{number}.{extension}")


def _is_taken(path: Path) -> bool:
    return os.path.lexists(path) or os.path.lexists(work_folder_of(path))


def is_made(source: Path, output: Path, *, replace: bool) -> bool:
    """Whether an earlier process made and checked the new file, but couldn't say so any more.

    It is whole then, as it gets its name only when it is checked; the source may be gone.
    """
    if not output.is_file():
        return False
    found = probe(output, patient=True)
    if not found.playable or found.duration_s is None:
        return False
    if not source.exists():
        return replace
    wanted_s = probe(source, patient=True).duration_s
    return wanted_s is not None and abs(found.duration_s - wanted_s) <= SAME_S


def remove_work(output: Path) -> None:
    """Removes the work folder, unless it isn't one of ours or another process works in it."""
    folder = work_folder_of(output)
    try:
        names = {path.name for path in folder.iterdir()}
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if PLAN in names or names == {LOCK}:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(lock)


def remove_made(
    outputs: Mapping[str, str], result: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Removes work folders and new files, but for those that took the place of originals.

    Returns what came of those.
    """
    for output in outputs.values():
        remove_work(Path(output))
    for file in result.values():
        if not file["replaced"]:
            Path(file["output"]).unlink(missing_ok=True)
    return {number: file for number, file in result.items() if file["replaced"]}
