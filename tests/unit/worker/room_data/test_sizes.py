"""How much of the memory of waiting lines one takes: what is nested in it, too."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.sources.activity import Activity
from orchestrator.sources.source import SourceEvent
from orchestrator.worker.room_data.room_data import RoomData


class Sizes:
    """A writer that keeps only how large lines are."""

    def __init__(self) -> None:
        self.bytes: list[int] = []

    def put(self, line: Any, size_bytes: int) -> None:
        self.bytes.append(size_bytes)


def size_of(values: dict[str, Any]) -> int:
    sizes = Sizes()
    data = RoomData(sizes, print)  # type: ignore[arg-type]
    seen: list[SourceEvent] = []
    data.beside(seen.append)(Activity("chat", time.monotonic_ns(), values=values))
    (size_bytes,) = sizes.bytes
    return size_bytes


def test_nested_texts_count() -> None:
    text = "x" * 1000
    plain = size_of({})
    assert plain < 500
    assert size_of({"text": text}) - plain >= 1000
    assert size_of({"attributes": {text: [text, (text, 1)]}}) - plain >= 3000


def test_many_small_values_count() -> None:
    assert size_of({"values": [None] * 1000}) >= 4000


def test_what_is_nested_deeply_is_no_recursion() -> None:
    deep: Any = "end"
    for _ in range(100_000):
        deep = [deep]
    assert size_of({"deep": deep}) > 100_000
