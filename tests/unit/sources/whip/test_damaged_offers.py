"""Offers that are damaged in any place: answered or refused, and nothing of them is left."""

from __future__ import annotations

import asyncio
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import UnusableOffer
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.whip.publisher import StreamLimits
from orchestrator.sources.whip.publishers import Publishers
from tests.kit.whip.webrtc import offering


@cache
def offer() -> tuple[str, ...]:
    """The lines of one that can be answered."""

    async def made() -> str:
        async with offering() as publisher:
            return publisher.sdp

    return tuple(asyncio.run(made()).splitlines())


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """With one line or several changed, cut, doubled or gone."""
    lines = list(offer())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = line[: draw(st.integers(0, len(line)))]
        longer = line + draw(st.text(max_size=20))
        lines[at] = draw(st.sampled_from(["", cut, longer, draw(st.sampled_from(lines))]))
    return "\r\n".join(lines) + "\r\n"


async def taken(sdp: str) -> None:
    publishers = Publishers(LocalAddresses(), StreamLimits(1920 * 1080, 4.0), lambda: None)
    try:
        answered = await publishers.offer(sdp)
        assert answered.sdp.startswith("v=0")
    except UnusableOffer:
        assert publishers.is_empty
    await publishers.close()


@settings(max_examples=60)
@given(sdp=damaged())
def test_damaged_offers_are_refused_or_answered(sdp: str) -> None:
    asyncio.run(taken(sdp))


@settings(max_examples=30)
@given(sdp=st.text(max_size=200).map(lambda text: "v=0\r\nm=video" + text))
def test_nonsense_is_refused(sdp: str) -> None:
    asyncio.run(taken(sdp))
