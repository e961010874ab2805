"""Text and byte streams: put together, bounded, and incomplete when they are."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from livekit.protocol import models

from orchestrator.sources.livekit.activity.bounds import MOST_CONTENT_BYTES
from orchestrator.sources.livekit.activity.streams import (
    LONGEST_QUIET_NS,
    MOST_CHUNKS,
    MOST_OPEN,
    DataStream,
    DataStreams,
)

_D = models.DataStream


def header(id: str = "s", **more: Any) -> models.DataStream.Header:
    more = {"text_header": _D.TextHeader()} | more
    return _D.Header(stream_id=id, topic="t", **more)


def sent(
    *chunks: bytes, order: list[int] | None = None, reason: str = "", **more: Any
) -> DataStream:
    streams = DataStreams()
    assert streams.begin("ann", header(**more), 1, encrypted=False) == []
    for index in order if order is not None else range(len(chunks)):
        chunk = _D.Chunk(stream_id="s", chunk_index=index, content=chunks[index])
        streams.chunk("ann", chunk, 2)
    (done,) = streams.finish("ann", _D.Trailer(stream_id="s", reason=reason))
    return done


def test_chunks_are_put_together_in_their_order() -> None:
    done = sent(b"a", b"b", b"c", order=[2, 0, 1], total_length=3)
    assert done.complete
    assert (done.content(), done.is_text) == (b"abc", True)
    assert not sent(b"a", byte_header=_D.ByteHeader(name="x")).is_text


@pytest.mark.parametrize(
    "done",
    [
        sent(b"a", b"b", b"c", order=[0, 2]),
        sent(b"a", total_length=9),
        sent(b"a", reason="aborted"),
    ],
    ids=["a chunk is missing", "shorter than announced", "the sender gave it up"],
)
def test_what_lacks_something_is_incomplete(done: DataStream) -> None:
    assert not done.complete


def test_more_than_is_kept_is_counted() -> None:
    done = sent(*[b"x" * 15_000] * 10, total_length=150_000)
    assert done.complete
    assert MOST_CONTENT_BYTES <= len(done.content()) < MOST_CONTENT_BYTES + 15_000
    assert done.size_bytes == 150_000


def test_empty_chunks_are_bounded_too() -> None:
    done = sent(*[b""] * (MOST_CHUNKS + 10))
    assert len(done.chunks) == MOST_CHUNKS


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def test_compressed_content_is_decompressed_and_bounded() -> None:
    packed = _D.CompressionType.DEFLATE_RAW
    done = sent(deflated(b"hello" * 20), total_length=100, compression=packed)
    assert done.complete
    assert done.content() == b"hello" * 20
    bomb = sent(deflated(bytes(50_000_000)), total_length=50_000_000, compression=packed)
    assert len(bomb.content()) == MOST_CONTENT_BYTES + 1
    assert bomb.size_bytes == 50_000_000
    broken = sent(b"\xff\xff", compression=packed)
    assert broken.content() == b""
    assert not broken.complete


def test_content_in_the_header_is_a_whole_stream() -> None:
    (done,) = DataStreams().begin("ann", header(inline_content=b"all"), 1, encrypted=False)
    assert done.complete
    assert done.content() == b"all"


def test_streams_of_two_senders_with_one_id_are_two() -> None:
    streams = DataStreams()
    for who in ("ann", "bob"):
        streams.begin(who, header(), 1, encrypted=False)
        streams.chunk(who, _D.Chunk(stream_id="s", content=who.encode()), 2)
    (done,) = streams.finish("bob", _D.Trailer(stream_id="s"))
    assert done.content() == b"bob"
    assert streams.finish("bob", _D.Trailer(stream_id="s")) == []


def test_open_streams_are_bounded_and_quiet_ones_end_incomplete() -> None:
    streams = DataStreams()
    ended = [streams.begin("ann", header(f"{n}"), n, encrypted=False) for n in range(MOST_OPEN + 1)]
    assert [each.header.stream_id for each in ended[-1]] == ["0"]
    assert not any(ended[:-1])
    assert streams.quiet(LONGEST_QUIET_NS) == []
    assert len(streams.quiet(LONGEST_QUIET_NS + MOST_OPEN)) == MOST_OPEN - 1
    assert [each.complete for each in streams.all()] == [False]
    assert streams.all() == []
