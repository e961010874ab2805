"""The border between us and a pipeline's own Python: whatever it raises becomes PipelineBroken."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import ffmpeg as ffmpeg_python

from orchestrator import user_files
from orchestrator.errors import PipelineBroken
from orchestrator.user_files import UserFileError, line_of, words


@contextmanager
def guarded(name: str, path: Path) -> Iterator[None]:
    """Turns what the code in it raises into PipelineBroken with the pipeline's file and line."""
    try:
        yield
    except PipelineBroken:
        raise
    # A boundary: a user's file may raise anything, sys.exit() included, and only that pipeline may
    # fail.
    except (Exception, SystemExit) as error:
        raise broken(name, path, line_of(error, path), words(error)) from error


def compiled(name: str, path: Path, text: bytes) -> tuple[ast.Module, CodeType]:
    """The tree of a user's file and its code; PipelineBroken, always a SyntaxError in words."""
    try:
        return user_files.compiled(path, text)
    except UserFileError as error:
        raise broken(name, path, error.line, error.message) from error


def broken(name: str, path: Path, line: int | None, message: str) -> PipelineBroken:
    """The error of one pipeline; its context has name, path, line and message apart."""
    where = str(path) if line is None else f"{path}:{line}"
    return PipelineBroken(
        f"Pipeline {name} is broken: {message} ({where})",
        f"Fix {path}, or use another pipeline; `orchestrator pipelines check` tests them all.",
        name=name,
        path=path,
        line=line,
        message=message,
    )


def output_of(name: str, path: Path, build: Callable[[Any], Any], job: Any, called: str) -> Any:
    """The ffmpeg-python output that a pipeline's function `called` makes of a job.

    PipelineBroken if it fails, or returns something else.
    """
    with guarded(name, path):
        built = build(job)
    if not isinstance(built, ffmpeg_python.nodes.OutputStream):
        returned = f"{called}() returned {type(built).__name__}, not an ffmpeg-python output"
        raise broken(name, path, build.__code__.co_firstlineno, returned)
    return built
