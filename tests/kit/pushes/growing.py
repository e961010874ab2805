"""A recording of which nothing is real but its segments, which grow as time goes by, and a push of
it as its worker makes it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import imageio_ffmpeg
from pydantic import SecretStr

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.fragments.reader import FragmentReader
from orchestrator.outputs.specs import PushOutput
from orchestrator.recordings.output_states import OutputState
from orchestrator.settings import Settings
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.outputs.push.push import push
from orchestrator.worker.outputs.running_output import RunningOutput
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from tests.kit.mediafiles.fragmented import MP4_FLAGS

_LOOK_S = 0.02


def segment(film: Path, path: Path, *options: str) -> Path:
    """The film as ffmpeg writes a segment of the pipeline `mp4`."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(film)]
    command += [*(options or ("-c", "copy")), "-movflags", MP4_FLAGS]
    command += ["-frag_duration", "1000000", "-max_interleave_delta", "0", str(path)]
    subprocess.run(command, check=True)
    return path


@dataclass
class Growing:
    """Segments in a folder of their own, each as long as its film."""

    work: Path
    files: list[tuple[int, Path]] = field(default_factory=list)
    end_s: float = 0.0
    pipeline: str = "mp4"
    _growing: set[Path] = field(default_factory=set)

    @property
    def encoding(self) -> Any:
        """The pipeline, and no ffmpeg."""
        return SimpleNamespace(pipeline=Pipelines.load(None).by_name[self.pipeline])

    def growing(self) -> frozenset[Path]:
        """Those that haven't ended."""
        return frozenset(self._growing)

    async def grow(self, whole: Path, *, offset_s: float = 0.0, speed: float = 1.0) -> None:
        """One more segment: each of its fragments is there when its time has come."""
        path = self.work / f"{len(self.files) + 1:04d}.mp4"
        data = await asyncio.to_thread(whole.read_bytes)
        fragments = await asyncio.to_thread(FragmentReader(whole, "mp4").poll)
        write_position(path, SegmentPosition(offset_s, 1))
        self._growing.add(path)
        self.files.append((1, path))
        began = time.monotonic()
        written = 0
        for fragment in fragments:
            await asyncio.sleep(max(0.0, began + fragment.end_s / speed - time.monotonic()))
            end = fragment.offset + fragment.length
            with path.open("ab") as file:
                file.write(data[written:end])
            written, self.end_s = end, offset_s + fragment.end_s
        self._growing.discard(path)


class Rows:
    """In place of the catalog's table: what was written of the output, in order."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {"state": "waiting"}
        self.states: list[str] = []

    async def change(self, _: str, **columns: Any) -> bool:
        """Keeps it."""
        if "state" in columns:
            self.states.append(columns["state"])
        self.row |= columns
        return True

    async def until(self, reached: Callable[[dict[str, Any]], bool], within_s: float = 60) -> None:
        """Waits until the row is as wanted."""
        deadline = time.monotonic() + within_s
        while not reached(self.row):
            assert time.monotonic() < deadline, self.row
            await asyncio.sleep(_LOOK_S)


@dataclass
class Pushed:
    """A push that runs."""

    output: RunningOutput
    rows: Rows
    task: asyncio.Task[None]

    async def end(self, within_s: float = 20) -> None:
        """Everything is recorded: it sends what is left."""
        self.output.recorded.set()
        async with asyncio.timeout(within_s):
            await self.task


@asynccontextmanager
async def pushed(
    segments: Growing,
    url: str,
    settings: Settings,
    token: str | None = None,
    *,
    state: OutputState = OutputState.WAITING,
    figures: Mapping[str, Any] | None = None,
) -> AsyncIterator[Pushed]:
    """A push of it; ended when the context ends. `state` and `figures`: as its row has them."""
    runtime = segments.work / "runtime"
    runtime.mkdir(exist_ok=True)
    rows = Rows()
    secret = SecretStr(token) if token is not None else None
    output = RunningOutput(
        id="0123456789abcdef",
        spec=PushOutput(type="push", url=SecretStr(url), token=secret),
        recording=Recording(
            work_directory=str(segments.work), video_quality="medium", audio_quality="medium"
        ),
        context=cast(WorkerContext, SimpleNamespace(settings=settings, runtime=runtime)),
        segments=lambda: cast(ListedSegments, segments),
        note=lambda *_, **__: None,
        table=cast(Outputs, rows),
        state=state,
        figures=figures or {},
    )
    task = asyncio.create_task(push(output))
    try:
        yield Pushed(output, rows, task)
    finally:
        output.removed.set()
        if not task.done():
            async with asyncio.timeout(20):
                await task
