"""Which ffmpeg to use and what it can do, as the program itself reports.

An ffmpeg is judged by what it lists (``-encoders``, ``-muxers``) and by whether its MP4 muxer knows
``hybrid_fragmented``, never by its version: distributions omit encoders.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

import imageio_ffmpeg
from cachetools import LRUCache

from orchestrator.errors import EncoderMissing, FFmpegNotFound
from orchestrator.ffmpeg_environment import passed_on
from orchestrator.settings.groups.encoding import EncodingSettings
from orchestrator.settings.value_types import FFMPEG_ENVIRONMENT

HYBRID_FRAGMENTED: Final = "hybrid_fragmented"
"""MP4 that is fragmented while it grows and plain once closed (ffmpeg 7.1)."""

FEATURES: Final = frozenset({HYBRID_FRAGMENTED})

Origin = Literal["setting", "path", "wheel"]
_Key = tuple[str, int, int, tuple[tuple[str, str], ...]]

_ASK_TIMEOUT_S: Final = 15.0
_LISTED: Final = re.compile(r"^ [A-Z.]{6} (\S+)\s", re.MULTILINE)
_MUXER: Final = re.compile(r"^ {1,2}D?E\s+(\S+)\s", re.MULTILINE)
_VERSION: Final = re.compile(r"^ffmpeg version (\S+)", re.MULTILINE)


class Needs(Protocol):
    """What decides whether an ffmpeg can run a pipeline."""

    @property
    def name(self) -> str: ...
    @property
    def encoders(self) -> frozenset[str]: ...
    @property
    def container(self) -> str: ...


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """One ffmpeg program: its path, where that came from, and its capabilities."""

    path: Path
    version: str
    encoders: frozenset[str]
    muxers: frozenset[str]
    features: frozenset[str]
    origin: Origin
    environment: Mapping[str, str] = field(default_factory=passed_on, compare=False)
    """Its environment in every run."""

    def lacks(self, needed: frozenset[str]) -> frozenset[str]:
        """The encoders of `needed` that it doesn't have."""
        return needed - self.encoders

    def problem(self, pipeline: Needs) -> EncoderMissing | None:
        """Why the pipeline can't be run with it; None if it can."""
        missing = sorted(self.lacks(pipeline.encoders))
        if pipeline.container not in self.muxers:
            missing.append(f"{pipeline.container} (muxer)")
        if not missing:
            return None
        return EncoderMissing(
            f"Pipeline {pipeline.name} needs {', '.join(missing)}, which the ffmpeg at "
            f"{self.path} ({self.version}) lacks.",
            "Choose another pipeline, or unset ORCHESTRATOR_FFMPEG to use the bundled ffmpeg.",
        )


_known: Final[LRUCache[_Key, FFmpeg]] = LRUCache(16)


async def find_ffmpeg(
    setting: Path | None, needed: frozenset[str], names: Sequence[str] = FFMPEG_ENVIRONMENT
) -> FFmpeg:
    """The ffmpeg to use: the setting's, else PATH's if it can do what is needed, else the wheel's.

    The setting is used as it is (`FFmpeg.problem` says what it can't do). PATH's must also know
    hybrid_fragmented. `names`: the environment variables that are passed on to it. Raises
    FFmpegNotFound with what was tried.
    """
    environment = passed_on(names)
    tried: list[str] = []
    for origin, path in await asyncio.to_thread(lambda: list(_candidates(setting))):
        try:
            found = await inspect(path, origin, environment)
        except (OSError, ValueError, TimeoutError) as error:
            tried.append(f"{path} ({origin}): {error or type(error).__name__}")
            continue
        missing = found.lacks(needed) | (FEATURES - found.features)
        if origin != "path" or not missing:
            return found
        tried.append(f"{path} ({origin}): lacks {', '.join(sorted(missing))}")
    raise FFmpegNotFound("No usable ffmpeg. " + "; ".join(tried or ["none found"]) + ".")


async def inspect(path: Path, origin: Origin, environment: Mapping[str, str]) -> FFmpeg:
    """What the program can do; OSError, ValueError or TimeoutError when it is no ffmpeg."""
    status = await asyncio.to_thread(_fingerprint, path)
    key = (*status, tuple(sorted(environment.items())))
    found = _known.get(key)
    if found is None or found.origin != origin:
        found = _known[key] = await _inspect(path, origin, environment)
    return found


async def ffmpeg_for(settings: EncodingSettings, pipelines: Iterable[Needs]) -> FFmpeg:
    """The ffmpeg that these pipelines are run with. Raises FFmpegNotFound.

    It may lack what one of them needs: `FFmpeg.problem` says so.
    """
    needed = frozenset[str]().union(*(pipeline.encoders for pipeline in pipelines))
    return await find_ffmpeg(settings.ffmpeg, needed, settings.ffmpeg_environment)


async def usable_ffmpeg(settings: EncodingSettings, pipeline: Needs) -> FFmpeg:
    """The ffmpeg that has all the pipeline needs; raises FFmpegNotFound or EncoderMissing."""
    ffmpeg = await ffmpeg_for(settings, [pipeline])
    if (problem := ffmpeg.problem(pipeline)) is not None:
        raise problem
    return ffmpeg


def parse_encoders(text: str) -> frozenset[str]:
    """Names in the output of ``ffmpeg -encoders``."""
    return frozenset(_LISTED.findall(text.partition("------")[2]))


def parse_muxers(text: str) -> frozenset[str]:
    """Names in the output of ``ffmpeg -muxers``; one line may name several."""
    names = _MUXER.findall(text)
    return frozenset(name for group in names for name in group.split(","))


def parse_version(text: str) -> str:
    """The version in the first line of ``ffmpeg -version``; ValueError when it is no ffmpeg."""
    found = _VERSION.search(text)
    if found is None:
        raise ValueError("not an ffmpeg")
    return found[1]


def _candidates(setting: Path | None) -> Iterator[tuple[Origin, Path]]:
    if setting is not None:
        # Set explicitly: using another one instead would be a surprise.
        yield "setting", Path(shutil.which(setting.expanduser()) or setting.expanduser())
        return
    on_path = shutil.which("ffmpeg")
    if on_path:
        yield "path", Path(on_path)
    try:
        yield "wheel", Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # a platform without a binary in the wheel
        return


def _fingerprint(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    if not os.access(path, os.X_OK) or not path.is_file():
        raise PermissionError(f"{path} is not an executable file")
    return (str(path), status.st_mtime_ns, status.st_size)


async def _inspect(path: Path, origin: Origin, environment: Mapping[str, str]) -> FFmpeg:
    asked = (("-version",), ("-encoders",), ("-muxers",), ("-h", "muxer=mp4"))
    version, encoders, muxers, mp4 = [await _ask(path, environment, *options) for options in asked]
    return FFmpeg(
        path=path,
        version=parse_version(version),
        encoders=parse_encoders(encoders),
        muxers=parse_muxers(muxers),
        features=frozenset(feature for feature in FEATURES if feature in mp4),
        origin=origin,
        environment=environment,
    )


async def _ask(path: Path, environment: Mapping[str, str], *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        path,
        "-hide_banner" if options != ("-version",) else "-nostdin",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=environment,
    )
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            output, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode and not output:
        last = stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise ValueError(f"it ended with code {process.returncode}: {''.join(last) or 'no output'}")
    return output.decode("utf-8", "replace")
