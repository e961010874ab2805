"""A WHEP server is asked what is in its stream."""

from __future__ import annotations

import pytest

from orchestrator.errors import SourceGarbled
from orchestrator.media import WhepEndpoint
from orchestrator.whep.publications import MOST_MEDIA
from orchestrator.whep.question import published
from tests.kit.sources.whep_answers import SDP, scripted


async def test_what_it_describes() -> None:
    async with scripted() as server:
        server.says(status=201, text=SDP)
        found = await published(WhepEndpoint(server.url), timeout_s=5)
    assert [each.mime_type for each in found] == ["audio/opus", "video/vp8"]


async def test_a_description_without_an_end_is_read_to_its_limit() -> None:
    async with scripted() as server:
        server.says(status=201, text=SDP + "m=a 9 a b\r\n" * 90_000)
        with pytest.raises(SourceGarbled, match=f"more than {MOST_MEDIA} m-lines"):
            await published(WhepEndpoint(server.url), timeout_s=5)


async def test_what_is_no_sdp_is_said() -> None:
    async with scripted() as server:
        server.says(status=201, text="hello")
        with pytest.raises(SourceGarbled, match="not SDP"):
            await published(WhepEndpoint(server.url), timeout_s=5)
