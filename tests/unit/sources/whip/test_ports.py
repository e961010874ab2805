"""UDP ports and addresses of a publisher's connection."""

from __future__ import annotations

import pytest
from aioice import Connection
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport

from orchestrator.errors import Unavailable
from orchestrator.sources.aiortc.ingest import first_flight, local_addresses
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.whip.publisher import StreamLimits
from orchestrator.sources.whip.publishers import REPLACED, Publishers
from tests.kit.whip.webrtc import offering

pytestmark = pytest.mark.real_time

LIMITS = StreamLimits(1920 * 1080, 4.0)


async def test_ports_and_addresses_are_those_of_the_settings() -> None:
    addresses = LocalAddresses(range(50_100, 50_102), ("203.0.113.5",))
    streams = [Publishers(addresses, LIMITS, lambda: None) for _ in range(3)]
    async with offering() as one, offering() as two, offering() as three:
        for stream, each in zip(streams[:2], (one, two), strict=True):
            answered = await stream.offer(each.sdp)
            lines = [line.split() for line in answered.sdp.splitlines() if "a=candidate" in line]
            assert {int(line[5]) for line in lines} <= {50_100, 50_101}
            assert list({line[4] for line in lines if line[7] == "srflx"}) == ["203.0.113.5"]
        with pytest.raises(Unavailable, match="50100 to 50101") as full:
            await streams[2].offer(three.sdp)
        assert full.value.context["retry_after_s"] > 0
    for stream in streams:
        await stream.close()


async def test_one_that_comes_again_gets_the_only_port() -> None:
    stream = Publishers(LocalAddresses(range(50_102, 50_103)), LIMITS, lambda: None)
    async with offering() as dead, offering() as same:
        first = await stream.offer(dead.sdp)
        await dead.take(first.sdp)
        before = await stream.until_connected()
        answered = await stream.offer(same.sdp)
        assert before.ended.result() == REPLACED
        assert " 50102 typ host" in answered.sdp
        await same.take(answered.sdp)
        after = await stream.until_connected()
        assert after.id == answered.session
    await stream.close()


def test_what_is_used_of_others_is_there() -> None:
    for name in local_addresses.USED:
        assert hasattr(Connection(ice_controlling=False), name), name
    assert first_flight.RECEIVED in vars(_transport())


def _transport() -> RTCDtlsTransport:
    gatherer = RTCIceGatherer(iceServers=[])
    return RTCDtlsTransport(RTCIceTransport(gatherer), [RTCCertificate.generateCertificate()])
