"""Finds and loads the preset files. One that is broken is told of and doesn't hide the others."""

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
from orchestrator.encoding.job import Job, Preset
from orchestrator.encoding.usercode import broken, guarded
from orchestrator.errors import InvalidRequest, PipelineBroken

_MAX_BYTES: Final = 1_000_000
"""Largest preset file read."""

_REQUIRED: Final = ("EXTENSION", "CONTAINER", "VIDEO_CODEC", "AUDIO_CODEC")


@dataclass(frozen=True, slots=True)
class PresetFailure:
    """A preset file that doesn't load: where and why."""

    name: str
    path: Path
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Presets:
    """All presets: the built-in ones, and the user's, which replace those of the same name."""

    presets: Mapping[str, Preset]
    failures: tuple[PresetFailure, ...] = ()

    @classmethod
    def load(cls, user_directory: Path | None) -> Presets:
        """Reads and runs the files. Blocks, and runs users' code: call it in a thread."""
        presets: dict[str, Preset] = {}
        failures: dict[str, PresetFailure] = {}
        for path in _files(user_directory):
            presets.pop(path.stem, None)
            failures.pop(path.stem, None)
            try:
                presets[path.stem] = load_preset(path)
            except PipelineBroken as error:
                failures[path.stem] = PresetFailure(**error.context)
        return cls(presets, tuple(failures.values()))

    def get(self, name: str) -> Preset:
        """The preset; InvalidRequest when there is none, PipelineBroken when it didn't load."""
        if name in self.presets:
            return self.presets[name]
        for failure in self.failures:
            if failure.name == name:
                raise broken(failure.name, failure.path, failure.line, failure.message)
        known = ", ".join(sorted(self.presets)) or "none"
        raise InvalidRequest(f"Unknown pipeline: {name}", f"There are: {known}.")


def builtin_directory() -> Path:
    """The presets that come with us: in the wheel inside the package, in a checkout beside it."""
    package = Path(orchestrator.__path__[0])
    inside = package / "pipelines"
    return inside if inside.is_dir() else package.parent / "pipelines"


def load_preset(path: Path) -> Preset:
    """Runs one preset file; PipelineBroken says what is wrong with it and in which line."""
    module = ModuleType(f"pipelines.{path.stem}")
    module.__file__ = str(path)
    with guarded(path.stem, path):
        text = path.read_bytes()[:_MAX_BYTES]
        tree = ast.parse(text, str(path))
        # Dataclasses look their module up by name.
        sys.modules[module.__name__] = module
        exec(compile(tree, str(path), "exec"), module.__dict__)
    return _preset(path, module, _lines(tree), hashlib.sha256(text).hexdigest()[:16])


def _files(user_directory: Path | None) -> list[Path]:
    found = _python_files(builtin_directory())
    if user_directory is None:
        return found
    return found + _python_files(user_directory.expanduser().resolve())


def _python_files(directory: Path) -> list[Path]:
    return sorted(p for p in directory.glob("*.py") if not p.name.startswith(("_", ".")))


def _lines(tree: ast.Module) -> dict[str, int]:
    targets = (t for node in tree.body for t in _targets(node))
    return {t.id: t.lineno for t in targets if isinstance(t, ast.Name)}


def _targets(node: ast.stmt) -> Iterable[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _preset(path: Path, module: ModuleType, lines: Mapping[str, int], digest: str) -> Preset:
    def refuse(name: str, message: str) -> PipelineBroken:
        return broken(path.stem, path, lines.get(name), message)

    values = vars(module)
    for name in _REQUIRED:
        if not (isinstance(values.get(name), str) and values[name]):
            raise refuse(name, f"{name} must be set to a text")
    if not callable(values.get("build")) or not hasattr(values["build"], "__code__"):
        raise refuse("build", "there is no function build(job)")
    speeds = _speeds(values, refuse)
    made = _made(path, values, speeds, values["build"])
    steps = len(made.speeds)
    least = _least_pixels(values, steps, refuse)
    return replace(made, shipped=_costs(values, steps, refuse), least_pixels=least, digest=digest)


def _speeds(
    values: Mapping[str, Any], refuse: Callable[[str, str], PipelineBroken]
) -> tuple[tuple[str, ...], int]:
    speeds, default = values.get("SPEEDS", ("default",)), values.get("DEFAULT_SPEED", 0)
    if not (isinstance(speeds, (tuple, list)) and speeds):
        raise refuse("SPEEDS", "SPEEDS must be a tuple with at least one step")
    if not (isinstance(default, int) and 0 <= default < len(speeds)):
        raise refuse("DEFAULT_SPEED", "DEFAULT_SPEED must be the index of a step in SPEEDS")
    return tuple(str(step) for step in speeds), default


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
    good = isinstance(least, (tuple, list)) and all(isinstance(each, int) for each in least)
    if not good or (least and (len(least) != steps or least[0] != 0 or sorted(least) != [*least])):
        problem = "LEAST_PIXELS must have a number for each step of SPEEDS, from 0 upwards"
        raise refuse("LEAST_PIXELS", problem)
    return tuple(least)


def _made(
    path: Path,
    values: Mapping[str, Any],
    speeds: tuple[tuple[str, ...], int],
    build: Callable[[Job], Any],
) -> Preset:
    extension = values["EXTENSION"].lstrip(".")
    guessed = mimetypes.guess_type(f"x.{extension}")[0] or "application/octet-stream"
    return Preset(
        name=path.stem,
        description=(values.get("__doc__") or "").strip().partition("\n")[0],
        format=str(values.get("FORMAT", path.stem)),
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
