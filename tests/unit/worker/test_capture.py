"""A room's announcements as they reach the selection."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

from orchestrator.media import Publication, TrackKind
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.sources.livekit.room import MOST_TRACKS
from orchestrator.sources.receiver import Receiver
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.selection_policy import SelectionPolicy


async def test_what_is_recorded_is_chosen_once_for_all_changes_of_a_message() -> None:
    note = Mock()
    capture = DecodedCapture(
        FrameQueue(2**20),
        SelectionPolicy(),
        origin_ns=None,
        canvas_policy=CanvasPolicy(None),
        note=note,
    )
    choose = Mock(wraps=capture.selection.choose)
    capture.selection.choose = choose  # type: ignore[method-assign]
    receiver = Receiver(capture.on_event)
    room = [
        Publication(f"TR_{number}", TrackKind.AUDIO, mime_type="audio/opus")
        for number in range(MOST_TRACKS)
    ]
    receiver.set_publications(room)
    assert capture.wanted == capture.selection.audio.keys()
    assert capture.wanted
    receiver.set_publications([replace(each, muted=True) for each in room])
    assert not capture.selection.expects_audio
    receiver.set_publications([])
    assert not capture.wanted
    assert choose.call_count == 3
    assert [call.args[0] for call in note.call_args_list] == [
        *["published"] * MOST_TRACKS,
        *["muted"] * MOST_TRACKS,
        *["unpublished"] * MOST_TRACKS,
    ]
