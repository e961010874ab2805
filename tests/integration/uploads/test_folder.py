"""Uploads to a folder, with a real server and its uploader."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.kit.queued import ID, put_recording
from tests.kit.recordings.machine import Machine
from tests.kit.uploads.uploading import add_upload, until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    return machine


async def test_a_file_is_copied_checked_and_then_deleted_here(machine: Machine) -> None:
    source = await put_recording(machine, seconds=2)
    recorded = source.read_bytes()
    away = machine.folder / "away"
    async with machine.serving() as server:
        refused = await server.ask(
            f"/api/recordings/{ID}/outputs", type="upload", url=away.as_uri()
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        away.mkdir()
        added = await add_upload(server, ID, url=away.as_uri(), keep_local="until_uploaded")
        done = await until(server, ID, added["id"], "complete", "failed")
        assert done["state"] == "complete", done
        played = await server.client.get(f"/api/recordings/{ID}/file")
        assert (played.status_code, played.content) == (200, recorded)
    folder = away / f"{ID}-{ID}"
    assert {one.name for one in folder.iterdir()} == {source.name, "thumbnail.jpg", "manifest.json"}
    assert (folder / source.name).read_bytes() == recorded
    assert not source.exists()
    assert done["figures"]["verified"] == ["sha256"]
    described = json.loads((folder / "manifest.json").read_bytes())
    sums = {one["name"]: one["sha256"] for one in described["files"]}
    assert sums[source.name] == hashlib.sha256(recorded).hexdigest()
    assert [(part["number"], part["duration_s"]) for part in described["parts"]] == [(1, 2)]


async def test_a_request_may_not_name_a_folder_unless_it_is_allowed(machine: Machine) -> None:
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "false"
    await put_recording(machine, seconds=2)
    keys = {"access_key_id": "a", "secret_access_key": "b", "allow_http": "true"}
    async with machine.serving() as server:
        for output in (
            {"url": machine.out.as_uri()},
            {"url": "s3://bucket/x", "options": keys | {"endpoint": "http://127.0.0.1:9000"}},
            {"url": "s3://bucket/x", "options": keys | {"endpoint": "http://169.254.169.254"}},
            {"url": "s3://bucket/x", "options": keys | {"metadata_endpoint": "http://1.1.1.1"}},
            {"url": "s3://bucket/x", "options": keys, "fallback_url": machine.out.as_uri()},
        ):
            path = f"/api/recordings/{ID}/outputs"
            refused = await server.ask(path, type="upload", **output)
            assert refused.status_code == 422, (output, refused.text)
