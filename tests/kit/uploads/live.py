"""Live recordings whose parts are uploaded as soon as they are final."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any, Final

from tests.kit.recordings.machine import ServerProcess
from tests.kit.recordings.waits import eventually
from tests.kit.uploads.versitygw import VersityGw

PREFIX: Final = "live"
BESIDE: Final = 3
"""Objects of a recording beside its files: data, thumbnail, manifest."""


async def start(
    server: ServerProcess, s3: VersityGw, room: str, *, split_s: float, bps: int
) -> tuple[str, str]:
    """The ids of a new recording, a copy, and of its upload."""
    upload = {"type": "upload", "url": f"s3://recordings/{PREFIX}", "options": s3.options}
    outputs = [{**upload, "bandwidth_bps": bps}]
    more = {"pipeline": "copy", "split_minutes": split_s / 60}
    async with asyncio.timeout(60):
        while (
            answer := await server.ask_to_start(room, outputs=outputs, **more)
        ).status_code != 200:
            assert answer.json()["code"] == "source_unreachable", answer.text  # a busy machine
    listed = await server.get("/api/recordings?state=recording")
    id = next(str(one["id"]) for one in listed["recordings"] if one["mint_id"] == room)
    (output,) = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
    return id, str(output["id"])


async def until_parts(server: ServerProcess, id: str, least: int) -> None:
    """Until it has so many final files."""
    async with asyncio.timeout(150):
        while len((await server.recording(id))["files"]) < least:
            await asyncio.sleep(0.2)


async def until_sending(s3: VersityGw) -> None:
    """Until a part of a file is on its way."""
    await eventually(lambda: bool(s3.unfinished()), s3.objects, within_s=90)


async def until_sent(s3: VersityGw) -> None:
    """Until none is."""
    await eventually(lambda: not s3.unfinished(), s3.unfinished, within_s=90)


def check_there(row: dict[str, Any], s3: VersityGw) -> None:
    """All files of a recording, its thumbnail and its manifest are there, and no more."""
    there = s3.objects()
    paths = [Path(one["path"]) for one in row["files"]]
    stem = Path(row["output_path"]).stem
    folder = f"{PREFIX}/{stem}-{row['id'][:8]}"
    beside = {f"{stem}.data.jsonl", "thumbnail.jpg", "manifest.json"}
    found = {key.removeprefix(f"{folder}/") for key in there if key.startswith(f"{folder}/")}
    assert found == beside | {path.name for path in paths}, found
    for one, path in zip(row["files"], paths, strict=True):
        sent = there[f"{folder}/{path.name}"].read_bytes()
        assert hashlib.sha256(sent).hexdigest() == one["sha256"]
        assert sent == path.read_bytes()
