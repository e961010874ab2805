"""Targets that answer badly, and a clock that is wrong: the recording and other uploads go on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.wallclock import STEP_S, WallClock, why_none
from tests.kit.queued import ID, put_recording
from tests.kit.recordings.machine import Machine
from tests.kit.uploads.answering import answering
from tests.kit.uploads.uploading import add_upload, output_of, until
from tests.kit.uploads.versitygw import VersityGw

pytestmark = [pytest.mark.all_only, pytest.mark.timeout(180)]

KEYS: Final = {
    "access_key_id": "a-key",
    "secret_access_key": "a-secret-key",
    "region": "us-east-1",
    "allow_http": "true",
}
BAD: Final = {
    "denied": (403, b"<Error><Code>AccessDenied</Code></Error>", "failed", "upload_denied"),
    "missing": (404, b"<Error><Code>NoSuchBucket</Code></Error>", "failed", "bucket_missing"),
    "elsewhere": (
        301,
        b"<Error><Code>PermanentRedirect</Code></Error>",
        "failed",
        "upload_refused",
    ),
    "busy": (503, b"<Error><Code>SlowDown</Code></Error>", "retrying", "upload_busy"),
    "garbage": (200, b"<html>Welcome!</html>", "retrying", "upload_garbled"),
}
"""What answers, and what comes of it."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.settings["ALLOW_PRIVATE_TARGETS"] = "true"
    return machine


async def test_bad_ones_are_told_apart_and_the_good_one_gets_everything(machine: Machine) -> None:
    source = await put_recording(machine, seconds=2)
    recorded = source.read_bytes()
    (good := machine.folder / "good").mkdir()
    async with AsyncExitStack() as servers, machine.serving() as server:
        added: dict[str, str] = {}
        for name, (status, body, *_) in BAD.items():
            bad = await servers.enter_async_context(answering(status, body))
            how = {"url": f"s3://{name}/x", "options": KEYS | {"endpoint": bad.address}}
            added[name] = (await add_upload(server, ID, **how))["id"]
        other = await add_upload(server, ID, url=good.as_uri())
        done = await until(server, ID, other["id"], "complete", "failed")
        assert (done["state"], done["error"]) == ("complete", None)
        for name, (_, _, state, code) in BAD.items():
            row = await until(server, ID, added[name], "failed", "retrying", "complete")
            assert (row["state"], row["error"]["code"]) == (state, code), row
            assert f"s3://{name}/x" in row["error"]["error"]
            assert row["error"]["detail"]
            assert bool(row["next_try_at"]) == (state == "retrying")
        shown = await server.recording(ID)
        assert "a-secret-key" not in str(shown) + machine.log()
    assert (shown["state"], shown["error"]) == ("completed", None)
    assert source.read_bytes() == recorded
    assert (good / f"{ID}-{ID}" / source.name).read_bytes() == recorded


@pytest.mark.skipif(why_none() is not None, reason=str(why_none()))
@pytest.mark.parametrize("off_s", [STEP_S, -STEP_S])
async def test_a_clock_that_is_an_hour_off_is_told_and_it_goes_on_when_it_is_right(
    machine: Machine, s3: VersityGw, off_s: float
) -> None:
    source = await put_recording(machine, seconds=2)
    clock = WallClock(machine.folder)
    machine.more |= clock.environment
    clock.set_off(off_s)
    async with machine.serving() as server:
        added = await add_upload(server, ID, url="s3://recordings/x", options=s3.options)
        row = await until(server, ID, added["id"], "failed", "retrying", "complete")
        assert (row["state"], row["error"]["code"]) == ("retrying", "clock_wrong"), row
        assert "timedatectl" in row["error"]["detail"]
        clock.set_off(0)
        done = await until(server, ID, added["id"], "failed", "complete")
        assert done["state"] == "complete", done
        assert (await output_of(server, ID, added["id"]))["error"] is None
    assert s3.objects()[f"x/{ID}-{ID}/{source.name}"].read_bytes() == source.read_bytes()
