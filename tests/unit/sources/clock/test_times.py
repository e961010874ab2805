"""RTP and NTP times: 32 bits that wrap, and fractions of a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import SECOND_NS
from orchestrator.sources.clock.sender_clock import ntp_ns, unwrap


@given(st.integers(0, 1 << 50), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_unwrap_finds_the_nearest(reference: int, step: int) -> None:
    assert unwrap(reference, (reference + step) % (1 << 32)) == reference + step


def test_ntp_has_32_fractional_bits() -> None:
    assert ntp_ns((7 << 32) + (1 << 31)) == 7 * SECOND_NS + SECOND_NS // 2
