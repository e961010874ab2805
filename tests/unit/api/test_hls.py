"""GET /api/recordings/{id}/hls: what is served, to whom, and what isn't."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls import recording_hls
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.settings import Settings
from tests.kit.api.callers import PAGE, calling
from tests.kit.api.memory import MemoryManager
from tests.kit.mediafiles.fragmented import X264, encode
from tests.kit.recordings.hls import ID, add_segment, begin

ROOT = f"/api/recordings/{ID}/hls"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds, four pieces."""
    return encode(tmp_path_factory.mktemp("hls") / "0001.mp4", 7, *X264)


@pytest.fixture
async def recorded(
    manager: MemoryManager, catalog: Catalog, tmp_path: Path, encoded: Path
) -> MemoryManager:
    """With one recording that runs."""
    await begin(catalog, tmp_path)
    await add_segment(catalog, 1, encoded)
    manager.hls = HlsRecordings(catalog)
    return manager


@pytest.fixture
async def client(recorded: MemoryManager) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that."""
    async with calling(recorded.settings, recorded) as client:
        yield client


async def test_playlists_are_asked_for_again(client: httpx.AsyncClient) -> None:
    for name in ("master.m3u8", "video.m3u8"):
        answer = await client.get(f"{ROOT}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["cache-control"] == "private, no-cache"
        again = await client.get(
            f"{ROOT}/{name}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")


async def test_pieces_never_change(client: httpx.AsyncClient, encoded: Path) -> None:
    answer = await client.get(f"{ROOT}/1/1.m4s")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.content in encoded.read_bytes()
    header = await client.get(f"{ROOT}/1/init.mp4")
    assert header.content[4:8] == b"ftyp"
    etag = {"If-None-Match": answer.headers["etag"]}
    assert (await client.get(f"{ROOT}/1/1.m4s", headers=etag)).status_code == 304


async def test_pieces_of_a_file_that_was_deleted_here_are_led_to_where_they_were_uploaded(
    client: httpx.AsyncClient, recorded: MemoryManager, tmp_path: Path
) -> None:
    there, whole = "https://bucket.example.com/signed", "a piece"
    (tmp_path / "2.m4s").write_text(whole)
    recorded.uploads.places |= {"hls/1/7.m4s": there, "hls/1/8.m4s": tmp_path / "2.m4s"}
    led = await client.get(f"{ROOT}/1/7.m4s")
    assert (led.status_code, led.headers["location"]) == (307, there)
    sent = await client.get(f"{ROOT}/1/8.m4s")
    assert (sent.status_code, sent.text) == (200, whole)
    assert sent.headers["content-type"] == "video/mp4"
    missing = await client.get(f"{ROOT}/1/9.m4s")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("wanted", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=10-", slice(10, None)), ("bytes=-5", slice(-5, None))],
)
async def test_ranges(client: httpx.AsyncClient, wanted: str, part: slice) -> None:
    whole = (await client.get(f"{ROOT}/1/0.m4s")).content
    answer = await client.get(f"{ROOT}/1/0.m4s", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, whole[part])
    begin = part.indices(len(whole))[0]
    end = begin + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {begin}-{end}/{len(whole)}"


async def test_a_range_behind_the_end_and_one_of_another_version(
    client: httpx.AsyncClient,
) -> None:
    behind = await client.get(f"{ROOT}/1/0.m4s", headers={"Range": "bytes=99999999-"})
    assert behind.status_code == 416
    other = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert (await client.get(f"{ROOT}/1/0.m4s", headers=other)).status_code == 200


async def test_head_has_the_headers_of_get(client: httpx.AsyncClient) -> None:
    for name in ("video.m3u8", "1/0.m4s", "1/init.mp4"):
        got, head = await client.get(f"{ROOT}/{name}"), await client.head(f"{ROOT}/{name}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == got.headers["etag"]
        assert int(head.headers["content-length"]) > 0


async def test_long_playlists_are_compressed_for_who_takes_it(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.api.routes.playback.hls._LEAST_COMPRESSED", 10)
    plain = await client.get(f"{ROOT}/video.m3u8", headers={"Accept-Encoding": "gzip;q=0, br"})
    assert "content-encoding" not in plain.headers
    async with client.stream(
        "GET", f"{ROOT}/video.m3u8", headers={"Accept-Encoding": "br, gzip"}
    ) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["vary"]
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(raw) == plain.content


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", "other.m3u8", "1/", "1/0", "1/0.mp4", "1/0.m4s/", "01x/0.m4s", "-1/0.m4s"),
        *("1/init0.mp4", "1/init1.mp4", "1/init01.mp4", "1-1/init.mp4", "1-1/0.m4s", "01/0.m4s"),
        *("1/99.m4s", "2/0.m4s", "0/init.mp4", "1/0.7.m4s", "1/9999999999.m4s", "1/٣.m4s"),
        *("%2e%2e/file", "..%2ffile", "1/%2e%2e/init.mp4", "1/..%2f..%2fetc%2fpasswd"),
        *("1/init.mp4%00", "1//init.mp4", "%2fetc%2fpasswd", "x" * 65),
    ],
)
async def test_other_names_are_nothing(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"{ROOT}/{name}")
    assert answer.status_code == 404
    assert answer.json()["success"] is False


@pytest.mark.parametrize("id", ["nobody", "r0002"])
async def test_other_recordings_are_nothing(client: httpx.AsyncClient, id: str) -> None:
    for name in ("master.m3u8", "1/0.m4s"):
        answer = await client.get(f"/api/recordings/{id}/hls/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "recording_not_found")


@pytest.mark.parametrize(
    "query", ["_HLS_msn=99", "_HLS_msn=-1", "_HLS_msn=x", "_HLS_msn=99999999999999", "_HLS_part=-1"]
)
async def test_absurd_reloads_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"{ROOT}/video.m3u8?{query}")
    assert answer.status_code == 422


async def test_a_recording_that_has_just_begun(
    manager: MemoryManager, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_hls, "READY_S", 0.05)
    await begin(catalog, tmp_path)
    manager.hls = HlsRecordings(catalog)
    async with calling(manager.settings, manager) as client:
        answer = await client.get(f"{ROOT}/master.m3u8")
    assert (answer.status_code, answer.json()["code"]) == (503, "hls_not_ready")
    assert answer.headers["retry-after"] == "1"


async def test_the_key_is_asked_for(recorded: MemoryManager, settings: Settings) -> None:
    recorded.settings = settings.model_copy(update={"api_key": SecretStr("k" * 20)})
    async with calling(recorded.settings, recorded) as client:
        assert (await client.get(f"{ROOT}/1/0.m4s")).status_code == 401
        key = {"X-API-Key": "k" * 20}
        assert (await client.get(f"{ROOT}/1/0.m4s", headers=key)).status_code == 200


async def test_an_allowed_page_may_play_it_and_another_may_not(
    recorded: MemoryManager, open_to_a_page: Settings
) -> None:
    recorded.settings = open_to_a_page
    async with calling(open_to_a_page, recorded) as client:
        allowed = await client.get(f"{ROOT}/1/0.m4s", headers={"Origin": PAGE})
        assert allowed.headers["access-control-allow-origin"] == PAGE
        refused = await client.get(f"{ROOT}/1/0.m4s", headers={"Origin": "https://x.example"})
        assert refused.status_code == 403
