"""What packets and decoders are counted by."""

from __future__ import annotations

from typing import Any

import av
import pytest
from av.packet import Packet

from orchestrator.mediafiles.inspect.packets import Decoder, Zero
from orchestrator.mediafiles.inspect.report import Decoding, Stretch, Stretches
from orchestrator.mediafiles.inspect.statistics import Passages
from tests.kit.mediafiles.synthetic import frame_of, moving

ZERO = Zero(10**9)


def packet(size: int, dts: int | None) -> Packet[Any]:
    made: Packet[Any] = Packet(size)
    made.dts = dts
    return made


def test_an_empty_packet_is_the_end_only_without_a_time() -> None:
    given: list[int | None] = []

    def decode(packet: Packet[Any]) -> list[av.VideoFrame]:
        given.append(packet.dts)
        return [frame_of(moving(0))]

    decoder = Decoder(decode)
    assert len(decoder.decode(packet(5, 0), 0)) == 1
    assert decoder.decode(packet(0, 1), 1) == []  # to ffmpeg it would be the end
    assert len(decoder.decode(packet(0, None), None)) == 1
    assert given == [0, None]
    assert decoder.report(ZERO) == Decoding(2, 0, 0, None, None)


def test_errors_are_counted_and_the_first_is_kept() -> None:
    def refuse(packet: Packet[Any]) -> list[av.VideoFrame]:
        raise av.error.InvalidDataError(1, f"no frame in {packet.dts}")

    decoder = Decoder(refuse)
    for dts in (3, 4, 5):
        assert decoder.decode(packet(5, dts), dts * 10**9) == []
    assert decoder.report(ZERO) == Decoding(0, 3, 0, "no frame in 3", 2.0)


def test_reports_count_from_where_the_file_begins() -> None:
    passages = Passages()
    passages.add(3 * 10**9, 5 * 10**8)
    assert ZERO.stretches(passages) == Stretches(1, 0.5, (Stretch(2.0, 0.5),))
    assert (ZERO.seconds(None), ZERO.seconds(10**9)) == (None, 0.0)
    assert ZERO.seconds(5 * 10**8) == pytest.approx(-0.5)
