"""When a recording that is copied begins a new file by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.media import TrackKind
from orchestrator.recordings.limits import MOST_PARTS
from orchestrator.stream_copy.track import Track
from orchestrator.worker.control.copy_control import CopyControl


@pytest.mark.parametrize(("part", "splits"), [(MOST_PARTS - 1, 1), (MOST_PARTS, 0)])
async def test_a_codec_that_changes_on_and_on_makes_no_more_files_than_a_recording_may_have(
    part: int, splits: int
) -> None:
    stopped, split, notes = list[str](), list[int](), list[str]()
    entry = SimpleNamespace(
        recording=SimpleNamespace(speed_step=None, speed_pinned=False),
        note=lambda kind, message: notes.append(message),
    )
    capture = SimpleNamespace(
        tracks=SimpleNamespace(begin_part=lambda: None),
        timeline=SimpleNamespace(held=False),
        paused=None,
        left_out_by_writer=lambda reasons, written: None,
    )
    control = CopyControl(
        *(cast(Any, each) for each in (None, entry, capture)), stop=stopped.append, fail=_failed
    )
    writer = SimpleNamespace(
        blocked_by=Track("video", TrackKind.VIDEO, "h264"),
        opened=None,
        left_out=SimpleNamespace(reasons={}),
    )
    control._segments = cast(Any, SimpleNamespace(writer=writer, part=part))
    control.supervisor = cast(Any, SimpleNamespace(split=lambda: split.append(1)))
    for _ in range(3):
        control.tick()
    assert (len(split), len(stopped)) == (splits, 1 - splits)
    assert all(str(MOST_PARTS) in why for why in [*notes, *stopped])


def _failed(error: Exception) -> None:
    raise error
