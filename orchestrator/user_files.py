"""Python files of users (pipelines, layouts): compiling them, and whatever goes wrong in them."""

from __future__ import annotations

import ast
import traceback
from pathlib import Path
from types import CodeType


class UserFileError(Exception):
    """What is wrong with a user's file, and in which line, if that is known."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def compiled(path: Path, text: bytes) -> tuple[ast.Module, CodeType]:
    """The tree of a user's file and its code; UserFileError, always a SyntaxError in words.

    Which other errors Python raises for text that it can't compile depends on its version:
    ValueError for a NUL byte (3.11.2; SyntaxError since 3.11.4), MemoryError or RecursionError for
    code that is nested too deeply.
    """
    try:
        tree = ast.parse(text, str(path))
        return tree, compile(tree, str(path), "exec")
    except SyntaxError as error:
        raise UserFileError(line_of(error, path) or _line_of_nul(text), words(error)) from error
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        problem = str(error) or "nested too deeply"
        raise UserFileError(_line_of_nul(text), f"SyntaxError: {problem}") from error


def line_of(error: BaseException, path: Path) -> int | None:
    """The line of `path` where `error` came from: the innermost one in that file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or None  # 0: of the whole file, its encoding for example
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else None


def words(error: BaseException) -> str:
    """An exception in one line, as Python prints it."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def python_files(directory: Path) -> list[Path]:
    """The files of a folder that are loaded, by name; those with _ or . in front are not."""
    return sorted(p for p in directory.glob("*.py") if not p.name.startswith(("_", ".")))


def _line_of_nul(text: bytes) -> int | None:
    before, nul, _ = text.partition(b"\0")
    return before.count(b"\n") + 1 if nul else None
