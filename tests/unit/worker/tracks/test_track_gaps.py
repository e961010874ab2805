"""Tracks that stop after they had begun, in the event log."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

from orchestrator.media import Publication, TrackKind
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.sources.source import ConnectionLost, PublicationAdded, PublicationsUpdated
from orchestrator.worker.tracks import track_gaps
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.missing_tracks import MissingTracks
from orchestrator.worker.tracks.selection_policy import SelectionPolicy
from orchestrator.worker.tracks.track_gaps import TrackGaps
from tests.kit.clocks import HandClock

MIC = Publication("mic", TrackKind.AUDIO, mime_type="audio/opus", participant="anna")


async def test_one_that_stops_has_a_gap_until_it_goes_on_or_is_muted() -> None:
    note, clock = Mock(), HandClock()
    capture = DecodedCapture(
        FrameQueue(2**20),
        SelectionPolicy(),
        origin_ns=None,
        canvas_policy=CanvasPolicy(None),
        note=note,
    )
    arrivals = capture.selection.arrivals = MissingTracks(clock)
    capture.on_event(PublicationAdded(MIC))
    capture.on_event(PublicationsUpdated())

    def noted(passed_s: float) -> list[str]:
        note.reset_mock()
        clock.now += passed_s
        capture.look()
        return [call.args[0] for call in note.call_args_list if "gap" in call.args[0]]

    arrivals.arrived("mic")
    assert noted(2.9) == []
    assert noted(0.2) == ["gap"]
    (told,) = note.call_args_list
    assert told.kwargs == {"track": "mic"}
    assert "'anna' (OPUS) for 3 s" in told.args[1]
    assert noted(5) == []
    arrivals.arrived("mic")
    assert noted(0.1) == ["gap_ended"]
    assert noted(4) == ["gap"]
    capture.on_event(PublicationAdded(replace(MIC, muted=True)))
    capture.on_event(PublicationsUpdated())
    assert noted(0.1) == ["gap_ended"]
    capture.on_event(PublicationAdded(MIC))
    capture.on_event(PublicationsUpdated())
    arrivals.arrived("mic")
    capture.on_event(ConnectionLost("no answer"))
    assert noted(10) == [], "the connection has its own gap"


def test_one_that_stops_again_and_again_does_not_fill_the_log() -> None:
    note = Mock()
    gaps = TrackGaps(note)
    for _ in range(2 * track_gaps.MOST_NOTED):
        gaps.look({"mic": 3.0}, {})
        gaps.look({}, {})
    assert note.call_count == 2 * track_gaps.MOST_NOTED
