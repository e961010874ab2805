"""Uploads with a real server, its uploader, and a real S3 server that are killed in between."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from tests.kit.queued import ID, kill, put_recording, put_row
from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import eventually
from tests.kit.uploads.uploading import add_upload, output_of, until, until_sent, uploaders
from tests.kit.uploads.versitygw import SECRET, VersityGw, binary

pytestmark = [
    pytest.mark.skipif(binary() is None, reason="no versitygw: run scripts/versitygw"),
    pytest.mark.timeout(180),
]

PREFIX = "s3://recordings/talks"
BIG = 40 * 2**20
SLOW_BPS = 80_000_000


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    return machine


async def put_big(machine: Machine) -> Path:
    """A recording whose file is sent in parts; no thumbnail can be made of it."""
    path = machine.out / f"{ID}.mp4"
    path.write_bytes(hashlib.shake_256(b"file").digest(2**20) * (BIG // 2**20))
    await put_row(machine, path, seconds=60, id=ID)
    return path


async def test_all_of_a_recording_is_uploaded_and_described(
    machine: Machine, s3: VersityGw
) -> None:
    source = await put_recording(machine, seconds=3)
    async with machine.serving() as server:
        added = await add_upload(server, ID, url=PREFIX, options=s3.options)
        done = await until(server, ID, added["id"], "complete", "failed")
        assert done["state"] == "complete", done
        log = machine.log()
    manifest = f"talks/{ID}-{ID}/manifest.json"
    keys = {f"talks/{ID}-{ID}/{name}" for name in (source.name, "thumbnail.jpg", "manifest.json")}
    there = s3.objects()
    assert set(there) == keys
    assert there[f"talks/{ID}-{ID}/{source.name}"].read_bytes() == source.read_bytes()
    described = json.loads(there[manifest].read_bytes())
    sums = {one["name"]: one["sha256"] for one in described["files"]}
    assert sums[source.name] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert done["figures"]["verified"] == ["etag"]
    assert done["figures"]["bytes_uploaded"] == done["figures"]["bytes_total"]
    assert SECRET not in json.dumps(done) + log
    assert (machine.out / f"{ID}.manifest.json").read_bytes() == there[manifest].read_bytes()
    assert SECRET.encode() not in (machine.folder / "catalog.db").read_bytes()


@pytest.mark.all_only
async def test_an_uploader_that_is_killed_leaves_nothing_open_and_sends_nothing_twice(
    machine: Machine, s3: VersityGw
) -> None:
    source = await put_big(machine)
    async with machine.serving() as server:
        how = {"url": PREFIX, "options": s3.options, "bandwidth_bps": SLOW_BPS}
        added = await add_upload(server, ID, **how)
        await until_sent(server, ID, added["id"], BIG // 3)
        (process,) = uploaders(machine)
        kill(process)
        assert s3.unfinished()
        sent = len(s3.unfinished())
        done = await until(server, ID, added["id"], "complete", "failed", within_s=90)
        assert done["state"] == "complete", done
    assert sent >= 1
    assert s3.unfinished() == []
    assert s3.objects()[f"talks/{ID}-{ID}/{source.name}"].read_bytes() == source.read_bytes()


@pytest.mark.all_only
async def test_a_server_that_is_killed_doesnt_end_its_upload(
    machine: Machine, s3: VersityGw
) -> None:
    source = await put_big(machine)
    async with machine.serving() as server:
        how = {"url": PREFIX, "options": s3.options, "bandwidth_bps": SLOW_BPS}
        added = await add_upload(server, ID, **how)
        await until_sent(server, ID, added["id"], BIG // 4)
        (process,) = uploaders(machine)
        server.process.kill()
        await server.until_gone()
    async with machine.serving() as server:
        done = await until(server, ID, added["id"], "complete", "failed", within_s=90)
        assert done["state"] == "complete", done
        assert [one.pid for one in uploaders(machine)] == [process.pid]
        kill(process)
    assert s3.unfinished() == []
    assert s3.objects()[f"talks/{ID}-{ID}/{source.name}"].read_bytes() == source.read_bytes()


@pytest.mark.all_only
async def test_an_outage_is_reported_and_outlived(machine: Machine, s3: VersityGw) -> None:
    source = await put_big(machine)
    async with machine.serving() as server:
        how = {"url": PREFIX, "options": s3.options, "bandwidth_bps": SLOW_BPS}
        added = await add_upload(server, ID, **how)
        await until_sent(server, ID, added["id"], BIG // 4)
        await s3.stop()
        failed = await until(server, ID, added["id"], "retrying")
        assert failed["error"]["code"] == "upload_unreachable", failed
        assert failed["next_try_at"]
        await s3.start()
        done = await until(server, ID, added["id"], "complete", "failed", within_s=90)
        assert (done["state"], done["error"]) == ("complete", None), done
    assert s3.unfinished() == []
    assert s3.objects()[f"talks/{ID}-{ID}/{source.name}"].read_bytes() == source.read_bytes()


@pytest.mark.all_only
async def test_one_that_hangs_is_left_and_gone_on_with(machine: Machine, s3: VersityGw) -> None:
    source = await put_big(machine)
    async with machine.serving() as server:
        how = {"url": PREFIX, "options": s3.options, "bandwidth_bps": SLOW_BPS}
        added = await add_upload(server, ID, **how)
        await until_sent(server, ID, added["id"], BIG // 4)
        async with s3.away("frozen"):
            failed = await until(server, ID, added["id"], "retrying", within_s=90)
            assert failed["error"]["code"] == "upload_unreachable", failed
            assert "no answer in time" in failed["error"]["error"]
        done = await until(server, ID, added["id"], "complete", "failed", within_s=60)
        assert (done["state"], done["error"]) == ("complete", None), done
    assert s3.unfinished() == []
    assert s3.objects()[f"talks/{ID}-{ID}/{source.name}"].read_bytes() == source.read_bytes()


@pytest.mark.all_only
async def test_one_that_is_removed_while_it_is_sent_leaves_nothing_open(
    machine: Machine, s3: VersityGw
) -> None:
    await put_big(machine)
    async with machine.serving() as server:
        how = {"url": PREFIX, "options": s3.options, "bandwidth_bps": SLOW_BPS}
        added = await add_upload(server, ID, **how)
        await until_sent(server, ID, added["id"], BIG // 4)
        refused = await server.client.delete(f"/api/recordings/{ID}")
        assert refused.status_code == 409, refused.text
        await server.client.delete(f"/api/recordings/{ID}/outputs/{added['id']}")
        await until(server, ID, added["id"], "removed")
        assert s3.unfinished() == []
        assert (await server.client.delete(f"/api/recordings/{ID}")).status_code == 200


@pytest.mark.all_only
@pytest.mark.parametrize(
    ("options", "url", "code"),
    [
        ({"secret_access_key": "wrong"}, PREFIX, "upload_denied"),
        ({"access_key_id": "nobody"}, PREFIX, "upload_denied"),
        ({}, "s3://missing/talks", "bucket_missing"),
    ],
)
async def test_what_lasts_fails_at_once_and_the_second_target_takes_over(
    machine: Machine, s3: VersityGw, options: dict[str, str], url: str, code: str
) -> None:
    source = await put_big(machine)
    async with machine.serving() as server:
        given = {"url": url, "options": s3.options | options}
        added = await add_upload(server, ID, **given)
        failed = await until(server, ID, added["id"], "failed", "complete")
        assert failed["error"]["code"] == code, failed
        assert source.exists()
        second = {"fallback_url": "s3://recordings/second", "fallback_options": s3.options}
        other = await add_upload(server, ID, **given, **second)
        done = await until(server, ID, other["id"], "failed", "complete")
        assert (done["state"], done["figures"]["fallback_used"]) == ("complete", True), done
        assert f"second/{ID}-{ID}/{source.name}" in s3.objects()
        assert (await output_of(server, ID, added["id"]))["state"] == "failed"
        await eventually(lambda: s3.unfinished() == [], s3.unfinished, within_s=5)


async def test_a_file_that_is_only_there_is_played_from_there(
    machine: Machine, s3: VersityGw
) -> None:
    source = await put_recording(machine, seconds=2)
    recorded = source.read_bytes()
    async with machine.serving() as server:
        how = {"url": PREFIX, "options": s3.options, "keep_local": "until_uploaded"}
        added = await add_upload(server, ID, **how)
        done = await until(server, ID, added["id"], "complete", "failed")
        assert done["state"] == "complete", done
        assert not source.exists()
        for path in (f"/api/recordings/{ID}/file", f"/api/recordings/{ID}/uploads/{source.name}"):
            answer = await server.client.get(path)
            assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
            async with httpx.AsyncClient() as player:
                part = await player.get(answer.headers["location"], headers={"Range": "bytes=9-99"})
                assert (part.status_code, part.content) == (206, recorded[9:100])
        listed = await server.get(f"/api/recordings/{ID}/uploads")
        (file,) = [one for one in listed["files"] if one["part"] == 1]
        assert file["removed_at"]
        assert file["sha256"] == hashlib.sha256(recorded).hexdigest()
        assert SECRET not in json.dumps(listed)
