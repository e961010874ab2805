"""Encodes all chunks of a file, as many at once as there are cores, and its audio beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from orchestrator.errors import EncodingFailed
from orchestrator.transcoding.chunks import vmaf
from orchestrator.transcoding.chunks.plan import Chunk
from orchestrator.transcoding.chunks.record import ChunkRecord, read_record
from orchestrator.transcoding.chunks.run import ChunkEncoder
from orchestrator.transcoding.threads import to_its_end

_T = TypeVar("_T")


class FrameCount:
    """Frames that are encoded: of finished chunks, and of those under way."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._of_chunk: dict[int, int] = {}
        self.kept = 0
        """By runs before this one."""
        self._began_s = time.monotonic()

    @property
    def frames(self) -> int:
        """All of them."""
        return self.kept + self.own

    @property
    def own(self) -> int:
        """This run's."""
        return sum(self._of_chunk.values())

    @property
    def fps(self) -> float | None:
        """This run's frames for each second of it; None before the first."""
        took_s = time.monotonic() - self._began_s
        return self.own / took_s if self.own and took_s > 0 else None

    def put(self, chunk: int, frames: int) -> None:
        """So many of this chunk are encoded."""
        self._of_chunk[chunk] = frames
        self._on_change()


async def encode_chunks(
    encoder: ChunkEncoder,
    chunks: Sequence[Chunk],
    jobs: int,
    count: FrameCount,
    *,
    with_vmaf: bool,
    beside: Callable[[], Coroutine[Any, Any, None]],
) -> list[ChunkRecord]:
    """The records of all chunks, in order; what an earlier run finished isn't done again.

    `beside` is run at the same time. Raises what `ChunkEncoder.encode` does.
    """
    records: dict[int, ChunkRecord] = {}
    for chunk in chunks:
        kept = await to_its_end(read_record, encoder.folder, chunk.number)
        if kept is not None:
            records[chunk.number] = kept
            count.kept += len(kept.times)
    waiting = iter([chunk for chunk in chunks if chunk.number not in records])

    async def work() -> None:
        for chunk in waiting:
            records[chunk.number] = await _encode(encoder, chunk, count)

    await all_or_none([beside(), *(work() for _ in range(jobs))])
    for chunk in chunks[1:]:
        await _fit(encoder, chunk, records, count)
    if with_vmaf:
        unmeasured = iter([chunk for chunk in chunks if records[chunk.number].vmaf is None])

        async def measure() -> None:
            for chunk in unmeasured:
                record = records[chunk.number]
                records[chunk.number] = await vmaf.measure(encoder, chunk, record)

        await all_or_none(measure() for _ in range(jobs))
    return [records[chunk.number] for chunk in chunks]


async def _encode(
    encoder: ChunkEncoder, chunk: Chunk, count: FrameCount, further: int = 0
) -> ChunkRecord:
    record = await encoder.encode(
        chunk, lambda frames: count.put(chunk.number, frames), further=further
    )
    count.put(chunk.number, len(record.times))
    return record


async def _fit(
    encoder: ChunkEncoder, chunk: Chunk, records: dict[int, ChunkRecord], count: FrameCount
) -> None:
    """Encodes a chunk again, decoding from further back, until its run-in ends as the chunk before.

    Some keyframes don't hold what they promise: frames after them depend on frames before.
    """
    tail = records[chunk.number - 1].tail
    for further in range(1, len(chunk.run_in) + 2):
        if fits(tail, records[chunk.number].head):
            return
        if further > len(chunk.run_in):
            break
        records[chunk.number] = await _encode(encoder, chunk, count, further)
    raise EncodingFailed(
        f"{encoder.video_input.source} decodes to other frames each time,"
        f" before chunk {chunk.number}.",
        "It is kept as it is; `orchestrator inspect FILE` looks for damage.",
    )


def fits(tail: Sequence[tuple[int, str]], head: Sequence[tuple[int, str]]) -> bool:
    """Whether what a chunk decoded last before its first frame is what the one before ends with."""
    return bool(head) and list(tail[-len(head) :]) == list(head)


async def all_or_none(works: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Runs them at the same time; when one fails, the others are ended before it is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            # Once: a second time would interrupt what it does at its end.
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
