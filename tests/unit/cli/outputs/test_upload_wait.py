"""What `orchestrator record` waits for after a recording, and what it says."""

from __future__ import annotations

from typing import Any

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.cli.upload_wait import PATIENCE, UploadWait
from tests.kit.catalog.rows import NOON

SHOWN = {"url": "s3://bucket/x"}
FAILS: dict[str, Any] = {"state": "retrying", "error": "No answer.", "figures": {"tries": PATIENCE}}
WAITS: dict[str, Any] = {"state": "active", "next_try_at": NOON, "figures": {}}


class Rows:
    """The outputs that a test names."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows = [OutputRow(kind="upload", shown=SHOWN, **row) for row in rows]

    async def of_recording(self, recording_id: str) -> list[OutputRow]:
        return self._rows


async def waited(*rows: dict[str, Any]) -> tuple[bool, list[str]]:
    said: list[str] = []
    return await UploadWait(Rows(*rows), "r1", said.append).run(), said


async def test_an_upload_that_waits_for_one_that_fails_isnt_waited_for() -> None:
    went_well, said = await waited(FAILS, WAITS)
    assert not went_well
    assert said == [
        "Not uploaded to s3://bucket/x: No answer.  `orchestrator serve` goes on with it.",
        "Uploaded to s3://bucket/x; the file here is kept while another upload needs it.",
    ]


async def test_complete_ones_went_well() -> None:
    done = {"state": "complete", "figures": {"files": 2, "location": "s3://bucket/x/r1"}}
    assert await waited(done) == (True, ["Uploaded to s3://bucket/x/r1: 2 files and a manifest."])


async def test_of_a_second_target_it_is_said_why() -> None:
    figures = {"files": 2, "location": "file:///away/r1"}
    figures |= {"fallback_used": True, "fallback_reason": "s3://bucket/x refuses the keys."}
    assert await waited({"state": "complete", "figures": figures}) == (
        True,
        [
            "Uploaded to file:///away/r1: 2 files and a manifest."
            " It is the second target: s3://bucket/x refuses the keys."
        ],
    )
