"""Text and byte streams of LiveKit: a header, chunks, a trailer (livekit_models.proto, DataStream).

One stream is one message: of text that grows while it is sent, too. Pure; everything is bounded.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from livekit.protocol import models

from orchestrator.media import SECOND_NS
from orchestrator.sources.livekit.activity.bounds import MOST_CONTENT_BYTES

MOST_OPEN: Final = 64
"""Streams at a time; with one more the one that nothing came of for longest ends incomplete."""

MOST_CHUNKS: Final = 4096
"""Kept of one stream."""

LONGEST_QUIET_NS: Final = 120 * SECOND_NS
"""A stream of which nothing came for so long ends incomplete; text that is spoken has pauses."""

_DEFLATED: Final = models.DataStream.CompressionType.DEFLATE_RAW


@dataclass(slots=True)
class DataStream:
    """One, as far as it came."""

    sender: str
    """The participant's identity."""
    header: models.DataStream.Header
    began_ns: int
    """When its header came."""
    encrypted: bool
    latest_ns: int
    chunks: dict[int, bytes] = field(default_factory=dict)
    kept_bytes: int = 0
    size_bytes: int = 0
    complete: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    """Those of its header and of its trailer."""

    @property
    def is_text(self) -> bool:
        """Else bytes, a file."""
        return not self.header.HasField("byte_header")

    def add(self, index: int, data: bytes) -> None:
        """One chunk; those beyond what is kept are only counted."""
        self.size_bytes += len(data)
        room = self.kept_bytes < MOST_CONTENT_BYTES and len(self.chunks) < MOST_CHUNKS
        if room and index not in self.chunks:
            self.chunks[index] = data
            self.kept_bytes += len(data)

    def content(self) -> bytes:
        """What came, in order."""
        came = b"".join(self.chunks[index] for index in sorted(self.chunks))
        if self.header.compression != _DEFLATED:
            return came
        try:
            whole = zlib.decompressobj(-zlib.MAX_WBITS).decompress(came, MOST_CONTENT_BYTES + 1)
        except zlib.error:
            self.complete = False
            return b""
        self.size_bytes = max(self.header.total_length, len(whole))
        return whole

    def end(self, trailer: models.DataStream.Trailer | None) -> None:
        """Nothing more of it comes; without a trailer it is incomplete."""
        if trailer is None:
            return
        # An index that is missing, or text that is shorter than was said.
        whole = len(self.chunks) == max(self.chunks, default=-1) + 1
        said = self.header.total_length if self.header.HasField("total_length") else 0
        enough = self.size_bytes >= said or self.header.compression == _DEFLATED
        self.complete = whole and enough and not trailer.reason
        self.attributes.update(trailer.attributes)


class DataStreams:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], DataStream] = {}

    def begin(
        self, sender: str, header: models.DataStream.Header, came_ns: int, *, encrypted: bool
    ) -> list[DataStream]:
        """A header; returns streams that ended by it."""
        stream = DataStream(sender, header, came_ns, encrypted, came_ns)
        stream.attributes.update(header.attributes)
        ended = [self._open.pop(key)] if (key := (sender, header.stream_id)) in self._open else []
        if header.HasField("inline_content"):
            stream.add(0, header.inline_content)
            stream.complete = True
            return [*ended, stream]
        if len(self._open) >= MOST_OPEN:
            oldest = min(self._open, key=lambda each: self._open[each].latest_ns)
            ended.append(self._open.pop(oldest))
        self._open[key] = stream
        return ended

    def chunk(self, sender: str, chunk: models.DataStream.Chunk, came_ns: int) -> None:
        """A chunk; of a stream whose header didn't come it is of no use."""
        if (stream := self._open.get((sender, chunk.stream_id))) is not None:
            stream.latest_ns = came_ns
            stream.add(chunk.chunk_index, chunk.content)

    def finish(self, sender: str, trailer: models.DataStream.Trailer) -> list[DataStream]:
        """A trailer; returns the stream, if its header came."""
        stream = self._open.pop((sender, trailer.stream_id), None)
        if stream is None:
            return []
        stream.end(trailer)
        return [stream]

    def quiet(self, now_ns: int) -> list[DataStream]:
        """Streams that nothing came of for long."""
        old = [k for k, each in self._open.items() if now_ns - each.latest_ns > LONGEST_QUIET_NS]
        return [self._open.pop(key) for key in old]

    def all(self) -> list[DataStream]:
        """Nothing more comes: those that are open."""
        left = list(self._open.values())
        self._open.clear()
        return left
