"""What documentation and docstrings point to is there: files, classes, functions, constants."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("orchestrator", "layouts", "pipelines", "scripts", "tests")
PYTHON = tuple(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
TEXTS = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))
WHERE = "docs/where-to-change.md"

ROW = re.compile(r"^\| (?P<task>.+?) \| `(?P<file>[^`]+)` \| (?P<names>.+?) \|$", re.MULTILINE)
PATH = re.compile(r"(?<![\w./~-])(?:\./)?((?:orchestrator|tests|scripts|docs|findings)/[\w./-]*\w)")
MODULE_FILE = re.compile(r"(?<![\w./~-])([a-z_]+(?:/[a-z_0-9]+)+\.py)\b")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
DOTTED = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(\))?`")
FILE_NAME = re.compile(r".*\.(c|go|jpg|js|json|log|nut|py|sh|toml|wanted|yaml)")


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


# -- what is defined


def members(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """The names that a module or a class binds, with what they are bound to."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((name.id, node) for name in ast.walk(node) if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, node) for alias in node.names)


def attributes(node: ast.ClassDef) -> set[str]:
    """What a class binds, and what its methods assign to `self`."""
    own = {name for name, _ in members(node.body)}
    assigned = {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    }
    return own | assigned


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def defines(path: Path, name: str) -> bool:
    """Whether a module defines `function`, `CONSTANT`, `Class` or `Class.member`."""
    first, _, rest = name.partition(".")
    found = dict(members(tree_of(path).body)).get(first)
    if not rest or found is None:
        return found is not None
    return isinstance(found, ast.ClassDef) and rest in attributes(found)


# -- docs/where-to-change.md


def rows() -> list[re.Match[str]]:
    return list(ROW.finditer(text_of(WHERE)))


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in text_of(WHERE).splitlines() if line.startswith("|")]
    headings = [line for line in lines if line.startswith(("| task |", "|---"))]
    assert len(rows()) == len(lines) - len(headings)
    assert len(rows()) >= 50


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["task"]))
def test_the_table_names_what_is_there(row: re.Match[str]) -> None:
    path = ROOT / row["file"]
    assert path.is_file(), f"no file {row['file']}"
    names = re.findall(r"`([^`]+)`", row["names"])
    assert names, "no name in the last column"
    if path.suffix == ".py":
        missing = [name for name in names if not defines(path, name)]
    else:
        missing = [name for name in names if name not in path.read_text()]
    assert not missing, f"{row['file']} does not define {missing}"


# -- paths


@cache
def module_files() -> frozenset[str]:
    return frozenset(path.relative_to(ROOT).as_posix() for path in PYTHON)


def missing_paths(text: str) -> set[str]:
    """Paths from the root, and modules' files by the end of their paths, that don't exist."""
    whole = {path for path in PATH.findall(text) if not (ROOT / path).exists()}
    ends = {
        end
        for end in MODULE_FILE.findall(text)
        if not any(f"/{file}".endswith(f"/{end}") for file in module_files())
    }
    return whole | ends


@pytest.mark.parametrize("name", TEXTS)
def test_paths_in_documentation_exist(name: str) -> None:
    assert missing_paths(text_of(name)) == set()


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    assert [to for to in LINK.findall(text_of(name)) if not (folder / to).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall(text_of("README.md")))
    assert {name for name in TEXTS if name.startswith("docs/")} <= linked


def test_contributing_says_what_each_package_is() -> None:
    packages = {p.parent.name for p in ROOT.glob("orchestrator/*/__init__.py")}
    said = set(re.findall(r"^\| `orchestrator/(\w+)` \|", text_of("CONTRIBUTING.md"), re.MULTILINE))
    assert said == packages


# -- names


@cache
def modules() -> dict[str, Path]:
    """Our modules and packages by their dotted names, without ``orchestrator.``."""
    found = {}
    for path in PYTHON:
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts).removeprefix("orchestrator.")] = path
    return found


@cache
def foreign() -> frozenset[str]:
    """Top-level modules of Python and of the installed packages."""
    ours = {"orchestrator", "scripts", "tests"}
    installed = set(importlib.metadata.packages_distributions())
    return frozenset((installed | sys.stdlib_module_names) - ours)


@cache
def classes() -> dict[str, list[ast.ClassDef]]:
    """By its name: each class that is called so."""
    found: dict[str, list[ast.ClassDef]] = {}
    for path in PYTHON:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def may_have(node: ast.ClassDef, member: str) -> bool:
    """Whether a class has it, or inherits it; those that aren't ours may have anything."""
    if member in attributes(node):
        return True
    bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
    return any(
        base not in classes() or any(may_have(ours, member) for ours in classes()[base])
        for base in bases
        if base not in {"Protocol", "NamedTuple", "Generic", "Exception"}
    )


def resolves(dotted: str) -> bool:
    """Whether a dotted name leads to something, if it begins with a module or a class of ours."""
    first, *rest = dotted.removeprefix("orchestrator.").split(".")
    if FILE_NAME.fullmatch(dotted):
        return True
    if first in classes():
        return any(may_have(node, rest[0]) for node in classes()[first])
    ours = {part for name in modules() for part in name.split(".")}
    if first not in ours or first in foreign():
        return True
    parts = [first, *rest]
    for length in range(len(parts), 0, -1):
        end, name = ".".join(parts[:length]), ".".join(parts[length:])
        paths = [p for m, p in modules().items() if f".{m}".endswith(f".{end}")]
        if any(not name or defines(path, name) for path in paths):
            return True
    return False


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Those of the module, its classes and functions, and the strings below constants."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_name_what_is_there(path: Path) -> None:
    text = "\n".join(docstrings(tree_of(path)))
    assert [name for name in DOTTED.findall(text) if not resolves(name)] == []
    assert missing_paths(text) == set()


@pytest.mark.parametrize("name", TEXTS)
def test_documentation_names_members_that_are_there(name: str) -> None:
    """Of classes only: a small first word may be a variable of the reader's own."""
    dotted = [name for name in DOTTED.findall(text_of(name)) if name[0].isupper()]
    assert [name for name in dotted if not resolves(name)] == []
