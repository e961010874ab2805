"""Finds and loads pipeline files. A broken file is reported, and does not affect the others."""

from __future__ import annotations

import ast
import hashlib
import math
import mimetypes
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import orchestrator
from orchestrator.encoding.pipeline.copying import copies, copying_pipeline
from orchestrator.encoding.pipeline.job import MIXED_SIZES, Job, Pipeline
from orchestrator.encoding.pipeline.later import later_of
from orchestrator.encoding.pipeline.user_code import broken, compiled, guarded
from orchestrator.errors import InvalidRequest, PipelineBroken
from orchestrator.user_files import python_files

_MAX_BYTES: Final = 1_000_000
"""Largest pipeline file read."""
LONGEST_NAME: Final = 64
"""Characters of a pipeline's name and of its format: a request can't say more."""

_REQUIRED: Final = ("EXTENSION", "CONTAINER", "VIDEO_CODEC", "AUDIO_CODEC")


@dataclass(frozen=True, slots=True)
class PipelineFailure:
    """A pipeline file that doesn't load: where and why."""

    name: str
    path: Path
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Pipelines:
    """All pipelines: the built-in ones, and the user's, which replace those of the same name."""

    by_name: Mapping[str, Pipeline]
    failures: tuple[PipelineFailure, ...] = ()

    @classmethod
    def load(cls, user_directory: Path | None) -> Pipelines:
        """Reads and runs the files. Blocks, and runs users' code: call it in a thread."""
        pipelines: dict[str, Pipeline] = {}
        failures: dict[str, PipelineFailure] = {}
        for path in _files(user_directory):
            pipelines.pop(path.stem, None)
            failures.pop(path.stem, None)
            try:
                pipelines[path.stem] = load_pipeline(path)
            except PipelineBroken as error:
                failures[path.stem] = PipelineFailure(**error.context)
        return cls(pipelines, tuple(failures.values()))

    def get(self, name: str) -> Pipeline:
        """The pipeline; InvalidRequest when there is none, PipelineBroken when it didn't load."""
        if name in self.by_name:
            return self.by_name[name]
        for failure in self.failures:
            if failure.name == name:
                raise broken(failure.name, failure.path, failure.line, failure.message)
        known = ", ".join(sorted(self.by_name)) or "none"
        raise InvalidRequest(f"Unknown pipeline: {name}", f"Use one of: {known}.")


def builtin_directory() -> Path:
    """The built-in pipelines: in a wheel inside the package, in a checkout beside it."""
    package = Path(orchestrator.__path__[0])
    inside = package / "pipelines"
    return inside if inside.is_dir() else package.parent / "pipelines"


def load_pipeline(path: Path) -> Pipeline:
    """Runs one pipeline file; PipelineBroken has the error and its line."""
    module = ModuleType(f"pipelines.{path.stem}")
    module.__file__ = str(path)
    with guarded(path.stem, path):
        text = path.read_bytes()[:_MAX_BYTES]
        tree, code = compiled(path.stem, path, text)
        # Dataclasses look their module up by name.
        sys.modules[module.__name__] = module
        exec(code, module.__dict__)
    return _pipeline(path, module, _lines(tree), hashlib.sha256(text).hexdigest()[:16])


def _files(user_directory: Path | None) -> list[Path]:
    found = python_files(builtin_directory())
    if user_directory is None:
        return found
    return found + python_files(user_directory.expanduser().resolve())


def _lines(tree: ast.Module) -> dict[str, int]:
    targets = (t for node in tree.body for t in _targets(node))
    return {t.id: t.lineno for t in targets if isinstance(t, ast.Name)}


def _targets(node: ast.stmt) -> Iterable[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _pipeline(path: Path, module: ModuleType, lines: Mapping[str, int], digest: str) -> Pipeline:
    def refuse(name: str, message: str) -> PipelineBroken:
        return broken(path.stem, path, lines.get(name), message)

    values = vars(module)
    if len(path.stem) > LONGEST_NAME:
        raise refuse("", f"the file's name must have at most {LONGEST_NAME} characters before .py")
    if copies(values, refuse):
        return copying_pipeline(path, _description(values), values, digest, refuse)
    for name in _REQUIRED:
        if not (isinstance(values.get(name), str) and values[name]):
            raise refuse(name, f"{name} must be a non-empty string")
    if not callable(values.get("build")) or not hasattr(values["build"], "__code__"):
        raise refuse("build", "the function build(job) is missing")
    speeds = _speeds(values, refuse)
    basic = _basic_pipeline(path, values, speeds, values["build"])
    steps = len(basic.speeds)
    fixed = values.get("FIXED_RATE", False)
    if not isinstance(fixed, bool):
        raise refuse("FIXED_RATE", "FIXED_RATE must be True or False")
    return replace(
        basic,
        shipped=_costs(values, steps, refuse),
        least_pixels=_least_pixels(values, steps, refuse),
        fixed_rate=fixed,
        largest_frame=_frame_size(values, "LARGEST_FRAME", refuse),
        smallest_frame=_frame_size(values, "SMALLEST_FRAME", refuse) or basic.smallest_frame,
        mixed_sizes=_mixed_sizes(values, refuse),
        format=_format(path.stem, values, refuse),
        later=later_of(values, refuse),
        digest=digest,
    )


def _speeds(
    values: Mapping[str, Any], refuse: Callable[[str, str], PipelineBroken]
) -> tuple[tuple[str, ...], int]:
    speeds, default = values.get("SPEEDS", ("default",)), values.get("DEFAULT_SPEED", 0)
    if not (isinstance(speeds, (tuple, list)) and speeds):
        raise refuse("SPEEDS", "SPEEDS must be a tuple with at least one step")
    if not (isinstance(default, int) and 0 <= default < len(speeds)):
        raise refuse("DEFAULT_SPEED", "DEFAULT_SPEED must be the index of a step in SPEEDS")
    return tuple(str(step) for step in speeds), default


def _format(
    name: str, values: Mapping[str, Any], refuse: Callable[[str, str], PipelineBroken]
) -> str:
    word = values.get("FORMAT", name)
    if not (isinstance(word, str) and 0 < len(word) <= LONGEST_NAME):
        raise refuse("FORMAT", f"FORMAT must be a string of 1 to {LONGEST_NAME} characters")
    return word


def _costs(
    values: Mapping[str, Any], steps: int, refuse: Callable[[str, str], PipelineBroken]
) -> tuple[float, ...]:
    costs = values.get("COSTS", ())
    good = isinstance(costs, (tuple, list)) and all(
        isinstance(cost, (int, float)) and 0 < cost < math.inf for cost in costs
    )
    if not good or len(costs) not in (0, steps):
        raise refuse("COSTS", "COSTS must have CPU seconds per megapixel for each step of SPEEDS")
    return tuple(float(cost) for cost in costs)


def _least_pixels(
    values: Mapping[str, Any], steps: int, refuse: Callable[[str, str], PipelineBroken]
) -> tuple[int, ...]:
    least = values.get("LEAST_PIXELS", ())
    good = isinstance(least, (tuple, list)) and all(isinstance(pixels, int) for pixels in least)
    if not good or (least and (len(least) != steps or least[0] != 0 or sorted(least) != [*least])):
        problem = "LEAST_PIXELS must have a number for each step of SPEEDS, from 0 upwards"
        raise refuse("LEAST_PIXELS", problem)
    return tuple(least)


def _frame_size(
    values: Mapping[str, Any], name: str, refuse: Callable[[str, str], PipelineBroken]
) -> tuple[int, int] | None:
    if (size := values.get(name)) is None:
        return None
    good = isinstance(size, (tuple, list)) and len(size) == 2
    if not good or not all(isinstance(side, int) and side >= 2 for side in size):
        raise refuse(name, f"{name} must be a width and a height in pixels: (1920, 1080)")
    return (size[0] // 2 * 2, size[1] // 2 * 2)


def _mixed_sizes(values: Mapping[str, Any], refuse: Callable[[str, str], PipelineBroken]) -> bool:
    mixed = values.get("MIXED_SIZES", values["VIDEO_CODEC"] in MIXED_SIZES)
    if not isinstance(mixed, bool):
        raise refuse("MIXED_SIZES", "MIXED_SIZES must be True or False")
    return mixed


def _description(values: Mapping[str, Any]) -> str:
    return str(values.get("__doc__") or "").strip().partition("\n")[0]


def _basic_pipeline(
    path: Path,
    values: Mapping[str, Any],
    speeds: tuple[tuple[str, ...], int],
    build: Callable[[Job], Any],
) -> Pipeline:
    extension = values["EXTENSION"].lstrip(".")
    guessed = mimetypes.guess_type(f"x.{extension}")[0] or "application/octet-stream"
    return Pipeline(
        name=path.stem,
        description=_description(values),
        format=path.stem,
        extension=extension,
        container=values["CONTAINER"],
        segment_suffix="." + str(values.get("SEGMENT_SUFFIX", extension)).lstrip("."),
        mime_type=str(values.get("MIME_TYPE", guessed)),
        video_codec=values["VIDEO_CODEC"],
        audio_codec=values["AUDIO_CODEC"],
        speeds=speeds[0],
        default_speed=speeds[1],
        path=path,
        build=build,
    )
