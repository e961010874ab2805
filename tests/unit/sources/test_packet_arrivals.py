"""PacketArrivals of frames, by their RTP times."""

from __future__ import annotations

from orchestrator.sources.aiortc.packet_arrivals import SAME_FRAME_NS, PacketArrivals


def test_the_arrival_of_a_frame_is_that_of_its_own_first_packet() -> None:
    arrivals = PacketArrivals()
    found = []
    for timestamp, now_ns in ((0, 10), (0, 20), (960, 30), (0, 10 + SAME_FRAME_NS)):
        arrivals.note(timestamp, now_ns)
        found.append(arrivals.of(1, timestamp, 48_000, now_ns, concealed=False))
    assert found == [10, 10, 30, 10 + SAME_FRAME_NS]
