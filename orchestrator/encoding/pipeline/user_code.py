"""The border between us and a pipeline's own Python: whatever it raises becomes PipelineBroken."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import ffmpeg as ffmpeg_python

from orchestrator.errors import PipelineBroken


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
        raise broken(name, path, line_of(error, path), _words(error)) from error


def compiled(name: str, path: Path, text: bytes) -> tuple[ast.Module, CodeType]:
    """The tree of a user's file and its code; PipelineBroken, always a SyntaxError in words.

    Which other errors Python raises for text that it can't compile depends on its version:
    ValueError for a NUL byte (3.11.2; SyntaxError since 3.11.4), MemoryError or RecursionError for
    code that is nested too deeply.
    """
    try:
        tree = ast.parse(text, str(path))
        return tree, compile(tree, str(path), "exec")
    except SyntaxError as error:
        line = line_of(error, path) or _line_of_nul(text)
        raise broken(name, path, line, _words(error)) from error
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        problem = str(error) or "nested too deeply"
        raise broken(name, path, _line_of_nul(text), f"SyntaxError: {problem}") from error


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


def line_of(error: BaseException, path: Path) -> int | None:
    """The line of `path` where `error` came from: the innermost one in that file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or None  # 0: of the whole file, its encoding for example
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else None


def _words(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _line_of_nul(text: bytes) -> int | None:
    before, nul, _ = text.partition(b"\0")
    return before.count(b"\n") + 1 if nul else None
