"""From packets to frames: streams that begin in the middle, and frames that are none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.reassembly import Reassembly
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.received_media import NotEncrypted
from tests.kit.signals import codes
from tests.kit.sources.packetizing import packets

FPS = 10


def encoded(codec: str, seconds: int = 1) -> list[bytes]:
    made = codes.encoded(codec.lower(), width=160, height=90, fps=FPS, seconds=seconds)
    return [data for data, _ in made]


def receiving(codec: str) -> tuple[Reassembly, list[VideoFrame]]:
    came: list[VideoFrame] = []
    formats: Any = SimpleNamespace(of=lambda _: SimpleNamespace(name=codec, codec=codec))
    output: Any = SimpleNamespace(put=lambda item: came.append(item[1]))
    reassembly = Reassembly(TrackKind.VIDEO, formats, output, None, NotEncrypted())
    reassembly.begin(1, "")
    return reassembly, came


@pytest.mark.parametrize("codec", ["VP9", "AV1", "H265"])
def test_nothing_is_decoded_before_the_first_keyframe_which_is_asked_for(codec: str) -> None:
    """Once the first packet of a stream of LiveKit was of no keyframe, and none came by itself."""
    reassembly, came = receiving(codec)
    middle, whole = encoded(codec)[1:], encoded(codec)
    asked = [reassembly.take(each) for each in packets(codec, [*middle, *whole])]
    assert asked[0]
    assert len(came) == len(whole)
    assert reassembly.left_out == len(middle)
    assert reassembly.keyframes_requested == 1


def test_a_unit_of_av1_that_lacks_a_piece_is_left_out_up_to_the_next_keyframe() -> None:
    """The server may go to another layer in the middle of one."""
    reassembly, came = receiving("AV1")
    frames = encoded("AV1", 2)
    for each in packets("AV1", frames):
        if each.timestamp == 3 * 3000 and each.marker:
            each.payload = bytes((each.payload[0] ^ 0x40,)) + each.payload[1:]  # goes on, it says
        reassembly.take(each)
    assert [frame.timestamp & 0xFFFFFFFF for frame in came] == [
        number * 3000 for number in range(2 * FPS) if not 3 <= number < FPS
    ]
    assert came[3].after_loss
    assert reassembly.left_out == FPS - 3
    assert reassembly.keyframes_requested == 1
