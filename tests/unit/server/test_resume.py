"""What a recording that goes on after a crash is started with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.encryption.stream_keys import sealed
from orchestrator.recordings.limits import NO_LIMITS, Limits
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.resume import Resumption, limits_left, request_of
from orchestrator.server.when_full import encode_instead
from tests.kit.catalog.rows import recording


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({}, NO_LIMITS),
        ({"max_duration_s": 100.0, "split_s": 30.0}, Limits(max_duration_s=40.0, split_s=30.0)),
        ({"max_size_bytes": 3_000_000}, Limits(max_size_bytes=2_000_000)),
        ({"max_duration_s": 60.5}, None),
        ({"max_size_bytes": 1_000_001}, None),
    ],
)
def test_limits_count_from_the_first_beginning(limits: dict[str, Any], left: Limits | None) -> None:
    ended = recording("a", limits=limits, duration_s=60.0, size_bytes=1_000_000)
    assert limits_left(ended) == left


def test_nothing_recorded_leaves_all() -> None:
    ended = recording("a", limits={"max_duration_s": 9.0}, duration_s=None, size_bytes=None)
    assert limits_left(ended) == Limits(max_duration_s=9.0)


def test_copied_frames_go_on_into_the_same_container() -> None:
    ended = recording(
        "a", pipeline="copy", output_format="webm", tracks="selected", started_by="user"
    )
    again = request_of(ended, NO_LIMITS)
    assert (again.pipeline, again.output_format, again.tracks) == ("copy", "webm", "selected")
    encoded = recording("b", pipeline="mp4", output_format="mp4", started_by="user")
    again = request_of(encoded, NO_LIMITS)
    assert (again.pipeline, again.output_format, again.tracks) == ("mp4", None, None)


def test_what_was_copied_for_lack_of_capacity_asks_for_itself_again() -> None:
    own = EncodeOptions("mp4", crf=30)
    for encode, asked in ((encode_instead("av1", "low"), None), (own, own), (None, None)):
        copied = recording(
            "a",
            pipeline="copy",
            output_format="mkv",
            tracks="selected",
            instead_of="av1",
            video_quality="low",
            encode=encode and encode.as_dict(),
            started_by="user",
        )
        again = request_of(copied, NO_LIMITS)
        assert (again.pipeline, again.output_format, again.tracks) == ("av1", None, None)
        assert again.encode == asked


@pytest.mark.parametrize("gone", [False, True])
async def test_an_encrypted_stream_goes_on_with_its_keys(catalog: Catalog, gone: bool) -> None:
    keys = E2eeKeys.model_validate({"passphrase": "s3cret words"})
    requests: list[StartRequest] = []

    async def start(request: StartRequest) -> Recording:
        requests.append(request)
        return recording("b")

    ending = recording("a", state="stopping", e2ee=await sealed(catalog, keys), started_by="user")
    await catalog.create(ending)
    if gone:
        catalog.path.with_name(f"{catalog.path.name}.key").unlink()
    resumption = Resumption(catalog, start)
    resumption.add(await catalog.get("a"))
    await catalog.update("a", state="completed")
    assert (await catalog.get("a")).e2ee is None
    async with asyncio.timeout(10):
        while not await catalog.events("a"):
            await asyncio.sleep(0.01)
    await resumption.close()
    (event,) = await catalog.events("a")
    if gone:
        assert event.message.startswith("Recording not resumed: A secret in the catalog")
    else:
        assert [each.e2ee for each in requests] == [keys]
