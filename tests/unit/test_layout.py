"""The tree stays easy to find one's way in: small folders, short files, short functions."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("orchestrator", "layouts", "pipelines", "scripts", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
MOST_MODULES = 20
"""In one folder; `__init__.py` counts."""
MOST_LINES = 300
"""In one file."""
MEDIAN_LINES = 10
"""The median function of the product is shorter."""


def from_the_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def function_lengths(text: str) -> Iterator[int]:
    """Lines of each function and method, without its decorators."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_folder_has_more_modules_than_one_takes_in_at_a_glance() -> None:
    modules = Counter(path.parent for path in FILES)
    assert len(modules) > 50, "the folders were found"
    crowded = {from_the_root(f): n for f, n in modules.items() if n > MOST_MODULES}
    assert crowded == {}


def test_no_file_is_too_long() -> None:
    lengths = {from_the_root(path): len(path.read_text().splitlines()) for path in FILES}
    assert {path: n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_the_usual_function_is_short() -> None:
    product = [path for path in FILES if path.is_relative_to(ROOT / "orchestrator")]
    lengths = [length for path in product for length in function_lengths(path.read_text())]
    assert len(lengths) > 1000, "the functions were found"
    assert statistics.median(lengths) < MEDIAN_LINES


def test_function_lengths() -> None:
    text = "@cache\ndef a():\n    return 1\n\nclass B:\n    async def c(self):\n        pass\n"
    assert list(function_lengths(text)) == [2, 2]
