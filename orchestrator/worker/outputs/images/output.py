"""The output `images`: keyframes of what is written become sidecars of the recording."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.errors import HavenError, OutputConflict, Unavailable
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.recordings.output_states import ENDED, OutputState
from orchestrator.recordings.sidecars.files import Sidecars, sidecar_folder
from orchestrator.recordings.sidecars.names import SidecarKind, ending, image_ending, name_of
from orchestrator.worker.outputs.images.keyframes import Keyframes, container_of
from orchestrator.worker.outputs.images.shots import Shot, Shots, thread
from orchestrator.worker.outputs.images.sprite import Sprite
from orchestrator.worker.outputs.running_output import RunningOutput

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
"""Seconds between two looks for keyframes."""

SPRITE_S: Final = 10.0
"""Least seconds between two writes of a sprite that grows."""

_SUFFIXES: Final = {"jpeg": "jpg", "webp": "webp"}

_T = TypeVar("_T")


async def make_images(output: RunningOutput) -> None:
    """Until the recording has ended or it is removed."""
    spec = output.spec
    assert isinstance(spec, ImagesOutput)
    await _only_one(output)
    worker = thread()
    try:
        images = _Images(output, spec, worker)
        await images.prepare()
        await images.run()
    finally:
        worker.shutdown(wait=False, cancel_futures=True)


async def _only_one(output: RunningOutput) -> None:
    rows = await output.table.of_recording(output.recording.id)
    images = [row for row in rows if row.kind == "images" and row.state not in ENDED]
    if images and images[0].id != output.id:
        raise OutputConflict(
            "Images of this recording are made already.", "Have them made by one output."
        )


class _Images:
    """One output, from its first keyframe to its end."""

    def __init__(
        self, output: RunningOutput, spec: ImagesOutput, worker: ThreadPoolExecutor
    ) -> None:
        self._output, self._spec, self._worker = output, spec, worker
        self._table = SidecarFiles(output.context.catalog)
        self._bytes = 0
        self._sprite_s = 0.0
        self._tiles_written = 0
        self._problem: HavenError | OSError | None = None
        self._shots: Shots
        self._sidecars: Sidecars

    async def prepare(self) -> None:
        """Goes on where an earlier worker ended."""
        output = self._output
        encoding = await output.context.encoding
        access = encoding.file_access
        self._sidecars = Sidecars(output.context.catalog, output.recording, access)
        made = await self._table.of_recording(output.recording.id, SidecarKind.IMAGE)
        self._bytes = sum(row.size_bytes for row in made)
        last_s = max((row.at_s or 0.0 for row in made), default=-1.0)
        sprite = await self._in_thread(self._earlier_sprite)
        reached_s = max(last_s, sprite.tiles[-1].at_s if sprite.tiles else -1.0)
        self._tiles_written = len(sprite.tiles)
        self._shots = Shots(
            self._spec,
            Keyframes(container_of(encoding.pipeline), reached_s),
            output.work,
            output.context.settings.disk_reserve_bytes,
            made=len(made),
            last_s=last_s,
            sprite=sprite,
        )

    async def run(self) -> None:
        """Looks for keyframes again and again, and once more at the end."""
        output = self._output
        waits = [asyncio.create_task(e.wait()) for e in (output.recorded, output.removed)]
        try:
            while not (output.recorded.is_set() or output.removed.is_set()):
                await self._look(last=False)
                await asyncio.wait(waits, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            await self._end()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _end(self) -> None:
        if not self._output.removed.is_set():
            await self._look(last=True)
        await self._write_sprite(at_once=True)
        if self._problem is not None:
            raise self._as_error(self._problem)
        removed = self._output.removed.is_set()
        await self._change(OutputState.REMOVED if removed else OutputState.COMPLETE)

    async def _look(self, *, last: bool) -> None:
        self._problem = None
        before = self._shots.skipped
        paths, more = await self._paths(), True
        while more and not self._output.removed.is_set():
            shots, more = await self._in_thread(lambda: self._shots.next(paths, last=last))
            for shot in shots:
                await self._kept(self._write(shot))
        await self._write_sprite(at_once=False)
        if self._shots.skipped > before:
            mib = self._output.context.settings.disk_reserve_bytes / 2**20
            self._problem = OSError(f"less than the reserve of {mib:.0f} MiB is free")
        if not last:
            await self._say()

    async def _paths(self) -> list[Path]:
        """Of all segments that may have keyframes that were not looked at."""
        if (segments := self._output.segments()) is not None:
            return [path for _, path in segments.files]
        if not self._output.recorded.is_set():
            return []
        rows = await self._output.context.catalog.segments(self._output.recording.id)
        return [Path(row.path) for row in rows]

    async def _write(self, shot: Shot) -> None:
        self._bytes += len(shot.data)
        suffix = _SUFFIXES[self._spec.format]
        await self._sidecars.write(
            SidecarKind.IMAGE,
            shot.data,
            file_ending=image_ending(shot.at_s, suffix),
            at_s=round(shot.at_s, 3),
        )

    async def _write_sprite(self, *, at_once: bool) -> None:
        sprite = self._shots.sprite
        grown = len(sprite.tiles) != self._tiles_written or at_once
        early = time.monotonic() - self._sprite_s < SPRITE_S and not at_once
        if self._spec.sprite and sprite.tiles and grown and not early:
            self._sprite_s, self._tiles_written = time.monotonic(), len(sprite.tiles)
            await self._kept(self._write_sheet(sprite))

    async def _write_sheet(self, sprite: Sprite) -> None:
        sheet = await self._in_thread(sprite.sheet)
        name = name_of(Path(self._output.recording.output_path), ending(SidecarKind.SPRITE))
        vtt = sprite.vtt(name, await self._end_s())
        await self._sidecars.write(SidecarKind.SPRITE, sheet)
        await self._sidecars.write(SidecarKind.SPRITE_VTT, vtt.encode())

    async def _end_s(self) -> float:
        if (segments := self._output.segments()) is not None:
            return segments.end_s
        rows = await self._output.context.catalog.segments(self._output.recording.id)
        return max((row.end_s or 0.0 for row in rows), default=0.0)

    async def _kept(self, write: Awaitable[None]) -> None:
        """What can't be written now is no reason to end: the next one may be."""
        try:
            await write
        except (OSError, Unavailable) as error:
            self._problem = error

    async def _say(self) -> None:
        """States and figures; nothing before the first keyframe."""
        if self._problem is not None:
            error = self._as_error(self._problem)
            await self._change(
                OutputState.RETRYING,
                error_code=error.code,
                error=error.error,
                detail=error.detail,
            )
        elif self._shots.made or self._shots.sprite.tiles:
            await self._change(OutputState.ACTIVE, error_code=None, error=None, detail=None)

    async def _change(self, state: OutputState, **columns: Any) -> None:
        figures = self._figures()
        await self._output.change(state, figures=figures, **columns)

    def _figures(self) -> dict[str, Any]:
        shots = self._shots
        return {
            "count": shots.made,
            "bytes": self._bytes,
            "last_at_s": None if shots.last_s < 0 else round(shots.last_s, 3),
            "tiles": len(shots.sprite.tiles),
            "skipped": shots.skipped,
            "undecodable": shots.undecodable,
            "full": shots.is_full,
        }

    def _as_error(self, error: HavenError | OSError) -> HavenError:
        if isinstance(error, HavenError):
            return error
        return HavenError(
            f"Images can't be written to {self._output.work}: {error.strerror or error}.",
            "Free some space; the recording goes on.",
        )

    def _earlier_sprite(self) -> Sprite:
        folder = sidecar_folder(self._output.recording)
        with contextlib.suppress(OSError, ValueError):
            sheet = (folder / ending(SidecarKind.SPRITE)).read_bytes()
            vtt = (folder / ending(SidecarKind.SPRITE_VTT)).read_text("utf-8")
            return Sprite.read(sheet, vtt)
        return Sprite()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
