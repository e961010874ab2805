"""Which ffmpeg there is and what it can do, asked of the program itself.

An ffmpeg is judged by what it lists (``-encoders``, ``-muxers``) and by whether its MP4 muxer knows
``hybrid_fragmented``, never by its version: distributions leave encoders out.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

import imageio_ffmpeg

from orchestrator.errors import EncoderMissing, FFmpegNotFound

HYBRID_FRAGMENTED: Final = "hybrid_fragmented"
"""MP4 that is fragmented while it grows and plain once closed (ffmpeg 7.1)."""

FEATURES: Final = frozenset({HYBRID_FRAGMENTED})

Origin = Literal["setting", "path", "wheel"]

_ASK_TIMEOUT_S: Final = 15.0
_LISTED: Final = re.compile(r"^ [A-Z.]{6} (\S+)\s", re.MULTILINE)
_MUXER: Final = re.compile(r"^ {1,2}D?E\s+(\S+)\s", re.MULTILINE)
_VERSION: Final = re.compile(r"^ffmpeg version (\S+)", re.MULTILINE)


class Needs(Protocol):
    """What `require` reads of a preset."""

    @property
    def name(self) -> str: ...
    @property
    def encoders(self) -> frozenset[str]: ...
    @property
    def container(self) -> str: ...


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """One ffmpeg program: where it is, where that came from, what it can do."""

    path: Path
    version: str
    encoders: frozenset[str]
    muxers: frozenset[str]
    features: frozenset[str]
    origin: Origin

    def lacks(self, needed: frozenset[str]) -> frozenset[str]:
        """The encoders of `needed` that it doesn't have."""
        return needed - self.encoders


@dataclass(slots=True)
class _Cache:
    known: dict[tuple[str, int, int], FFmpeg] = field(default_factory=dict)
    limit: int = 16

    def put(self, key: tuple[str, int, int], ffmpeg: FFmpeg) -> None:
        while len(self.known) >= self.limit:
            del self.known[next(iter(self.known))]
        self.known[key] = ffmpeg


_cache = _Cache()


async def find_ffmpeg(setting: Path | None, needed: frozenset[str]) -> FFmpeg:
    """The ffmpeg to use: the setting's, else PATH's if it can do what is needed, else the wheel's.

    The setting is taken as it is (`require` refuses what it can't do). PATH's must also know
    hybrid_fragmented. Raises FFmpegNotFound with what was tried.
    """
    tried: list[str] = []
    for origin, path in await asyncio.to_thread(lambda: list(_candidates(setting))):
        try:
            found = await inspect(path, origin)
        except (OSError, ValueError, TimeoutError) as error:
            tried.append(f"{path} ({origin}): {error or type(error).__name__}")
            continue
        missing = found.lacks(needed) | (FEATURES - found.features)
        if origin != "path" or not missing:
            return found
        tried.append(f"{path} ({origin}): has no {', '.join(sorted(missing))}")
    raise FFmpegNotFound("No usable ffmpeg. " + "; ".join(tried or ["none was found"]) + ".")


async def inspect(path: Path, origin: Origin) -> FFmpeg:
    """What the program can do; OSError, ValueError or TimeoutError when it is no ffmpeg."""
    key = await asyncio.to_thread(_fingerprint, path)
    if key not in _cache.known or _cache.known[key].origin != origin:
        _cache.put(key, await _inspect(path, origin))
    return _cache.known[key]


def require(ffmpeg: FFmpeg, preset: Needs) -> None:
    """EncoderMissing when this ffmpeg can't do what the preset needs."""
    missing = sorted(ffmpeg.lacks(preset.encoders))
    if preset.container not in ffmpeg.muxers:
        missing.append(f"{preset.container} (muxer)")
    if missing:
        raise EncoderMissing(
            f"Pipeline {preset.name} needs {', '.join(missing)}, and the ffmpeg at {ffmpeg.path} "
            f"({ffmpeg.version}) was built without.",
            "Choose another pipeline, or leave ORCHESTRATOR_FFMPEG unset so that the ffmpeg that "
            "comes with the recorder is used.",
        )


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
        raise ValueError("it doesn't answer like an ffmpeg")
    return found[1]


def _candidates(setting: Path | None) -> Iterator[tuple[Origin, Path]]:
    if setting is not None:
        # Asked for by name: another one in its place would be a surprise.
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
        raise PermissionError(f"{path} is no program that can be run")
    return (str(path), status.st_mtime_ns, status.st_size)


async def _inspect(path: Path, origin: Origin) -> FFmpeg:
    asked = (("-version",), ("-encoders",), ("-muxers",), ("-h", "muxer=mp4"))
    version, encoders, muxers, mp4 = [await _ask(path, *options) for options in asked]
    return FFmpeg(
        path=path,
        version=parse_version(version),
        encoders=parse_encoders(encoders),
        muxers=parse_muxers(muxers),
        features=frozenset(feature for feature in FEATURES if feature in mp4),
        origin=origin,
    )


async def _ask(path: Path, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        path,
        "-hide_banner" if options != ("-version",) else "-nostdin",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("utf-8", "replace")
