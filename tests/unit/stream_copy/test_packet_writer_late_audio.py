"""Audio that waited for its place, and comes behind what ends its file."""

from __future__ import annotations

import pytest

from tests.kit.fakes import until
from tests.unit.stream_copy.packets import CAMERA, MS, SCREEN, VOICE, heard, shot
from tests.unit.stream_copy.test_packet_writer import Bench


@pytest.mark.parametrize("ending", ["cut", "finish"])
async def test_audio_that_comes_behind_another_track_is_in_the_file_of_its_time(
    ending: str,
) -> None:
    bench = Bench(tracks=frozenset({CAMERA, VOICE}))
    bench.put(shot(0, key=True), shot(1_000, key=True, track=SCREEN))
    writer = bench.writer()
    await until(lambda: writer.blocked_by == SCREEN)
    bench.put(heard(500), shot(1_033, track=SCREEN), heard(1_020))
    if ending == "cut":
        writer.cut(at_keyframe=True)
    else:
        writer.finish()
    assert writer.join(5)
    assert bench.files[0].times(VOICE) == [500]
    assert [packet.time_ns // MS for packet in bench.rest()] == [1_000, 1_033, 1_020]
