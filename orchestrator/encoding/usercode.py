"""The border between us and a preset's own Python: whatever it raises becomes PipelineBroken."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import PipelineBroken


@contextmanager
def guarded(name: str, path: Path) -> Iterator[None]:
    """Turns whatever the code in it raises into PipelineBroken with the preset's file and line."""
    try:
        yield
    except PipelineBroken:
        raise
    # A boundary: a user's file may raise anything, sys.exit() included, and only that preset may
    # fail.
    except (Exception, SystemExit) as error:
        raise broken(name, path, line_of(error, path), _words(error)) from error


def broken(name: str, path: Path, line: int | None, message: str) -> PipelineBroken:
    """The error of one preset; its context has name, path, line and message apart."""
    where = str(path) if line is None else f"{path}:{line}"
    return PipelineBroken(
        f"Pipeline {name} is broken: {message} ({where})",
        f"Correct {path}, or use another pipeline; `orchestrator pipelines check` tries them all.",
        name=name,
        path=path,
        line=line,
        message=message,
    )


def line_of(error: BaseException, path: Path) -> int | None:
    """The line of `path` where `error` came from: the innermost one in that file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else None


def _words(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
