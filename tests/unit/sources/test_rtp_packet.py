"""Packets are read as aiortc reads them, and what can't be read is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket, unwrap_rtx
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.sources.rtp_packet import Packet, original, parse

FIELDS = ("sequence_number", "timestamp", "ssrc", "payload_type", "marker", "payload")


def facts(packet: Packet | RtpPacket) -> list[object]:
    return [getattr(packet, name) for name in FIELDS]


@pytest.mark.parametrize("padding", [0, 1, 255])
@pytest.mark.parametrize("sources", [[], [1, 2, 3]])
@pytest.mark.parametrize("extensions", [0, 0x10])
def test_a_packet_is_what_was_sent(padding: int, sources: list[int], extensions: int) -> None:
    sent = RtpPacket(96, 1, 65_535, 0xFFFFFFFF, 0x80000001, b"payload")
    sent.__dict__.update(csrc=sources, padding_size=padding)
    data = sent.serialize()
    if extensions:
        at = 12 + 4 * len(sources)
        data = bytes([data[0] | 0x10]) + data[1:at] + b"\xbe\xde\0\1\x10\1\0\0" + data[at:]
    assert facts(parse(data)) == facts(sent)


@given(st.binary(max_size=60).map(lambda data: b"\x80" + data) | st.binary(max_size=60))
@example(b"\xa0" + bytes(11))
@example(b"\xa0" + bytes(11) + b"\x02")
@example(b"\x9f" + bytes(80))
def test_what_aiortc_takes_is_the_same_and_nothing_fails_otherwise(data: bytes) -> None:
    try:
        theirs = RtpPacket.parse(data, NoExtensions())
    except ValueError:
        with pytest.raises((ValueError, struct.error)):
            parse(data)
    else:
        assert facts(parse(data)) == facts(theirs)


class NoExtensions(HeaderExtensionsMap):
    """They are skipped here."""

    def get(self, *_: Any, **__: Any) -> HeaderExtensions:
        return HeaderExtensions()


def test_a_retransmission_gives_what_was_lost() -> None:
    repeated = RtpPacket(97, 1, 7, 3000, 5, b"\x12\x34payload")
    theirs = unwrap_rtx(repeated, payload_type=96, ssrc=4)
    found = original(parse(repeated.serialize()), 96, 4)
    assert found is not None
    assert facts(found) == facts(theirs)
    assert original(Packet(payload=b"\x12"), 96, 4) is None, "an SFU's probe"
