"""Which ids a stream can have: no address, and for our own ones nothing that no path can have."""

from __future__ import annotations

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.stream_ids import check_no_address, check_own_id, check_stream_id


@pytest.mark.parametrize("id", ["demo", "a/b", "💥 room", "x" * 256, "\u202e", ".", "../x", "a//b"])
def test_stream_ids(id: str) -> None:
    assert check_stream_id(id) == id


@pytest.mark.parametrize("id", ["", "x" * 257, "a\0b", "a\nb", "\x7f", "\ud800"])
def test_impossible_stream_ids(id: str) -> None:
    with pytest.raises(InvalidRequest, match="mint_id") as caught:
        check_stream_id(id)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "id",
    [
        "rtmp://10.0.0.1/live/geheim",
        "whep+https://me:geheim@host/geheim?k=geheim",
        "file:///geheim",
        "  RTSP://geheim",
        "srt://geheim\n",
        "unknown://geheim",
    ],
)
def test_addresses_are_no_ids_and_not_repeated(id: str) -> None:
    for check in (check_stream_id, check_no_address, check_own_id):
        with pytest.raises(InvalidRequest, match="is an address") as caught:
            check(id)
        assert "geheim" not in str(caught.value)
        assert "POST /api/streams" in caught.value.detail
        assert "orchestrator record whep+https://" in caught.value.detail


@pytest.mark.parametrize("id", ["lobby", "hall/stage", "a.b/..c/d..", "host:8080/live/a b"])
def test_own_ids(id: str) -> None:
    assert check_own_id(id) == id


@pytest.mark.parametrize("id", [".", "..", "../x", "a/..", "a/./b", "/a", "a/", "a//b"])
def test_own_ids_that_no_path_can_have(id: str) -> None:
    with pytest.raises(InvalidRequest, match="no address of this API") as caught:
        check_own_id(id)
    assert caught.value.context == {"field": "mint_id"}
