"""Finds and loads layout files. A broken file is reported, and does not affect the others."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from orchestrator.errors import InvalidRequest, LayoutBroken
from orchestrator.layouts.composition import Composition
from orchestrator.layouts.scene import Scene
from orchestrator.user_files import UserFileError, compiled, line_of, python_files, words

_MAX_BYTES: Final = 1_000_000
"""Largest layout file read."""
LONGEST_NAME: Final = 64
"""Characters of a layout's name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout's file, loaded."""

    name: str
    description: str
    path: Path
    line: int
    """Of the function `layout`."""
    overlaps: bool
    """Tiles may lie on others."""
    function: Callable[[Scene], Composition]


@dataclass(frozen=True, slots=True)
class LayoutFailure:
    """A layout's file that doesn't load: where and why."""

    name: str
    path: Path
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Layouts:
    """All layouts: the built-in ones, and the user's, which replace those of the same name."""

    by_name: Mapping[str, Layout]
    failures: tuple[LayoutFailure, ...] = ()

    @classmethod
    def load(cls, user_directory: Path | None) -> Layouts:
        """Reads and runs the files. Blocks, and runs users' code: call it in a thread."""
        layouts: dict[str, Layout] = {}
        failures: dict[str, LayoutFailure] = {}
        for path in _files(user_directory):
            layouts.pop(path.stem, None)
            failures.pop(path.stem, None)
            try:
                layouts[path.stem] = load_layout(path)
            except LayoutBroken as error:
                failures[path.stem] = LayoutFailure(**error.context)
        return cls(layouts, tuple(failures.values()))

    def get(self, name: str) -> Layout:
        """The layout; InvalidRequest when there is none, LayoutBroken when it didn't load."""
        if name in self.by_name:
            return self.by_name[name]
        for failure in self.failures:
            if failure.name == name:
                raise broken(failure.name, failure.path, failure.line, failure.message)
        known = ", ".join(sorted(self.by_name)) or "none"
        raise InvalidRequest(f"Unknown layout: {name}", f"Use one of: {known}.")


def builtin_directory() -> Path:
    """The built-in layouts: in a wheel inside this package, in a checkout beside the product."""
    inside = Path(__file__).parent / "builtin"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "layouts"


def broken(name: str, path: Path, line: int | None, message: str) -> LayoutBroken:
    """The error of one layout; its context has name, path, line and message apart."""
    where = str(path) if line is None else f"{path}:{line}"
    return LayoutBroken(
        f"Layout {name} is broken: {message} ({where})",
        f"Fix {path}, or use another layout; `orchestrator layouts check` tests them all.",
        name=name,
        path=path,
        line=line,
        message=message,
    )


def load_layout(path: Path) -> Layout:
    """Runs one layout's file; LayoutBroken has the error and its line."""
    module = ModuleType(f"layouts.{path.stem}")
    module.__file__ = str(path)
    try:
        with path.open("rb") as file:
            tree, code = compiled(path, file.read(_MAX_BYTES))
        # Dataclasses look their module up by name.
        sys.modules[module.__name__] = module
        exec(code, module.__dict__)
    except UserFileError as error:
        raise broken(path.stem, path, error.line, error.message) from error
    # A boundary: a user's file may raise anything, and only that layout may fail.
    except (Exception, SystemExit) as error:
        raise broken(path.stem, path, line_of(error, path), words(error)) from error
    return _layout(path, vars(module), _lines(tree))


def _files(user_directory: Path | None) -> list[Path]:
    own = [] if user_directory is None else python_files(user_directory.expanduser().resolve())
    return python_files(builtin_directory()) + own


def _lines(tree: ast.Module) -> dict[str, int]:
    """Where OVERLAPS is set."""
    return {
        target.id: node.lineno
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _layout(path: Path, values: Mapping[str, Any], lines: Mapping[str, int]) -> Layout:
    if len(path.stem) > LONGEST_NAME:
        long = f"the file's name must have at most {LONGEST_NAME} characters before .py"
        raise broken(path.stem, path, None, long)
    function = values.get("layout")
    if not callable(function) or not hasattr(function, "__code__"):
        raise broken(path.stem, path, lines.get("layout"), "the function layout(scene) is missing")
    overlaps = values.get("OVERLAPS", False)
    if not isinstance(overlaps, bool):
        message = "OVERLAPS must be True or False"
        raise broken(path.stem, path, lines.get("OVERLAPS"), message)
    return Layout(
        name=path.stem,
        description=str(values.get("__doc__") or "").strip().partition("\n")[0],
        path=path,
        line=function.__code__.co_firstlineno,
        overlaps=overlaps,
        function=function,
    )
