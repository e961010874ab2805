"""Keys of pushes that run: they are in no log, answer, event, file or list of processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit import api

from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import KEY as LIVEKIT_KEY
from tests.kit.livekit.server import SECRET, Server
from tests.kit.ports import free_port
from tests.kit.pushes.receivers import receiving
from tests.kit.pushes.rooms import (
    begin,
    kept_logs,
    may_push,
    output,
    stop,
    until_active,
    until_push,
    whip_server,
)
from tests.kit.recordings.machine import Machine, ServerProcess

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.real_time,
    pytest.mark.all_only,
    pytest.mark.timeout(240),
]

STREAM_KEY, SIGN = "a-stream-key-nobody-may-see", "a-sign-nobody-may-see"
PASSPHRASE, STREAM_ID = "a-passphrase-nobody-may-see", "an-id-nobody-may-see"
ANSWERS = (
    "/api/recordings/{id}",
    "/api/recordings/{id}/outputs",
    "/api/recordings/{id}/events?limit=1000",
    "/api/recordings?limit=10",
    "/api/recording/status/{room}",
    "/api/recording/active",
    "/api/processes",
    "/metrics",
)


def command_lines() -> Iterator[tuple[int, str]]:
    """Of all processes of this machine, by pid, as any user sees them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        yield int(path.parent.name), line


async def answers(server: ServerProcess, id: str, room: str) -> str:
    """What the API says of all this."""
    found = [await server.client.get(each.format(id=id, room=room)) for each in ANSWERS]
    assert sum(each.status_code == 200 for each in found) >= len(ANSWERS) - 2, found
    return "\n".join(each.text for each in found)


@pytest.fixture
def livekit_server(tmp_path: Path) -> Iterator[Server]:
    """One that ffmpeg's WHIP reaches."""
    with whip_server(tmp_path) as server:
        yield server


async def test_no_key_is_seen_anywhere(livekit_server: Server, tmp_path: Path) -> None:
    (folder := tmp_path / "machine").mkdir()
    machine, room = may_push(Machine(folder, livekit_server)), "push secrets"
    machine.settings["LOG_LEVEL"] = "debug"
    grants = api.VideoGrants(room_join=True, room="elsewhere", can_publish=True)
    token = api.AccessToken(LIVEKIT_KEY, SECRET).with_identity("push").with_grants(grants).to_jwt()
    whip = livekit_server.url.replace("ws://", "whip+http://") + "/whip/v1"
    rtmp = f"rtmp://127.0.0.1:{free_port()}/live/{STREAM_KEY}?sign={SIGN}"
    srt = f"srt://127.0.0.1:{free_port()}?passphrase={PASSPHRASE}&streamid={STREAM_ID}"
    nobody = f"rtmp://127.0.0.1:{free_port()}/live/{STREAM_KEY}"
    secrets = (STREAM_KEY, SIGN, PASSPHRASE, STREAM_ID, token)
    asked = (output(rtmp), output(srt), output(whip, token=token), output(nobody))
    async with (
        conference(livekit_server, room, video="h264"),
        machine.serving() as server,
        receiving(rtmp, tmp_path / "rtmp.mkv") as first,
        receiving(f"{srt}&mode=listener", tmp_path / "srt.mkv") as second,
    ):
        id = await begin(server, room, *asked, pipeline="copy")
        for number in range(3):
            await until_active(server, id, number)
        await until_push(server, id, lambda each: each["attempts"] >= 2, 3)
        own = {first.pid, second.pid}
        lines = [line for pid, line in command_lines() if pid not in own]
        running = await answers(server, id, room)
        logs = kept_logs(machine, tmp_path)
        await stop(server, room, id)
        ended = await answers(server, id, room)
        await server.end(signal.SIGTERM)
    assert len([line for line in lines if line.rstrip().endswith("$PUSH_TARGET")]) >= 3
    assert len(logs) == 4
    said = {
        "command lines": "\n".join(lines),
        "answers": running,
        "answers behind the end": ended,
        "server's log": machine.log(),
        **{path.name: path.read_text() for path in logs},
        **{
            str(path): path.read_bytes().decode(errors="replace")
            for path in machine.out.rglob("*")
            if path.is_file()
        },
        "catalog": (folder / "catalog.db").read_bytes().decode(errors="replace"),
    }
    seen = [(place, each) for place, text in said.items() for each in secrets if each in text]
    assert seen == []
    assert rtmp.rpartition("/")[0] in running, "the rest of the address is shown"
