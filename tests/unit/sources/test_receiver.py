"""What frames become events, encoded ones too."""

from __future__ import annotations

from orchestrator.media import SECOND_NS, EncodedFrame, Publication, TrackKind
from orchestrator.sources.received_media import ArrivedFrame
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import EncodedFrameReceived, NoKeyframe, SourceEvent

CAMERA = Publication("TR_camera", TrackKind.VIDEO, participant="alice")


def receiving(*wanted: str) -> tuple[Receiver, list[SourceEvent]]:
    events: list[SourceEvent] = []
    receiver = Receiver(events.append, keyframe_interval_s=4)
    receiver.wanted = frozenset(wanted)
    receiver.set_publications([CAMERA])
    events.clear()
    return receiver, events


def test_encoded_frames_become_events_with_the_same_times_as_decoded_ones() -> None:
    receiver, events = receiving(CAMERA.sid)
    frames = [EncodedFrame("vp8", bytes([n]), keyframe=not n) for n in range(20)]
    for number, frame in enumerate(frames):
        rtp, arrival_ns = 3000 * number, number * SECOND_NS // 30
        receiver.frame_arrived(
            ArrivedFrame(CAMERA.sid, 1, TrackKind.VIDEO, 90_000, rtp, arrival_ns, frame)
        )
    receiver.finish()
    came = [event for event in events if isinstance(event, EncodedFrameReceived)]
    assert [event.frame for event in came] == frames
    assert [event.time_ns for event in came] == [n * SECOND_NS // 30 for n in range(20)]


def test_of_what_is_not_wanted_or_gone_nothing_is_told() -> None:
    receiver, events = receiving()
    assert not receiver.wants(CAMERA.sid)
    receiver.no_keyframe(CAMERA.sid)
    assert events == []
    receiver.wanted = frozenset({CAMERA.sid})
    assert receiver.wants(CAMERA.sid)
    receiver.no_keyframe(CAMERA.sid)
    assert events == [NoKeyframe(CAMERA.sid)]
    receiver.set_publications([])
    assert not receiver.wants(CAMERA.sid)
