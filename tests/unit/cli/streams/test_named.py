"""`orchestrator streams` with names of one's own, and `record` with an address."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket

import pytest

from orchestrator.cli.app import run
from orchestrator.cli.doctor_checks import _live_of
from orchestrator.cli.stream_address import TOKEN, with_address
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.cli import Here
from tests.kit.sources.whep_answers import SDP, scripted

URL = "whep+https://me:geheim@media.example/whep/lobby?key=geheim"


@pytest.fixture
def place(here: Here) -> Here:
    return here


def test_added_listed_and_removed(place: Here) -> None:
    token = place.folder / "token"
    token.write_text("letmein-letmein\n")
    added = place.run(
        "streams", "add", "the/lobby", URL, "--name", "Lobby", "--token-file", str(token)
    )
    assert (added.returncode, added.stderr) == (0, "")
    lobby, demo = json.loads(place.run("streams", "--json").stdout)
    assert (lobby["id"], lobby["name"], lobby["is_currently_live"]) == ("the/lobby", "Lobby", None)
    assert demo["id"] == "demo"
    listed = place.run("streams", "list")
    assert "the/lobby  Lobby  -" in listed.stdout
    again = place.run("streams", "add", "the/lobby", URL)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert place.run("streams", "remove", "the/lobby").returncode == 0
    gone = place.run("streams", "remove", "the/lobby")
    assert (gone.returncode, "`orchestrator streams` lists" in gone.stderr) == (1, True)
    for each in (added, listed, again, gone):
        assert "geheim" not in each.stdout + each.stderr
        assert "letmein" not in each.stdout + each.stderr


def test_an_address_with_a_key_comes_from_a_file_or_standard_input(
    place: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = place.folder / "address"
    file.write_text("rtmp://media.example/live/geheim\n")
    added = [place.run("streams", "add", "stage", "--url-file", str(file))]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{URL}\n"))
    added.append(place.run("streams", "add", "lobby", "--url-file", "-"))
    assert [(each.returncode, each.stderr) for each in added] == [(0, ""), (0, "")]
    shown = place.run("streams", "show", "stage", "--json")
    assert json.loads(shown.stdout)["address"] == "rtmp://media.example/live/***"
    assert "geheim" not in "".join(each.stdout for each in (*added, shown))


def test_a_stream_that_is_published_here_has_its_key_from_a_file_or_a_new_one(
    place: Here,
) -> None:
    file = place.folder / "key"
    file.write_text("a-key-that-is-geheim\n")
    given = place.run("streams", "add", "the lobby", "--whip", "--key-file", str(file))
    assert (given.returncode, given.stderr) == (0, "")
    assert "/whip/the%20lobby" in given.stdout
    assert "geheim" not in given.stdout
    made = [place.run("streams", "add", id, "--whip").stdout for id in ("hall", "stage")]
    keys = {said.rpartition(": ")[2].strip() for said in made}
    assert [len(key) for key in keys] == [32, 32]
    hall = next(s for s in json.loads(place.run("streams", "--json").stdout) if s["id"] == "hall")
    assert hall["is_currently_live"] is False
    file.write_text("geheim")
    short = place.run("streams", "add", "short", "--whip", "--key-file", str(file))
    assert (short.returncode, "16" in short.stderr, "geheim" in short.stderr) == (2, True, False)


async def test_what_is_in_a_stream_is_shown(place: Here) -> None:
    async with scripted() as server:
        server.says(status=201, text=SDP)
        address = f"whep+{server.url}/live?key=geheim"
        await asyncio.to_thread(place.run, "streams", "add", "lobby", address)
        shown = await asyncio.to_thread(place.run, "streams", "show", "lobby")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert f"{server.url}/live\n" in shown.stdout.replace(" ", "")
        assert "geheim" not in shown.stdout
        rows = [line.split() for line in shown.stdout.splitlines()]
        assert ["whep", "camera", "VP8", "-", "no", "no", "yes"] in rows
        server.says(status=404, text="nobody is here")
        asked = await asyncio.to_thread(place.run, "streams", "show", "lobby", "--json")
        body = json.loads(asked.stdout)
        assert (body["recordable"], body["reason"]["code"]) == (False, "not_live")
        words = await asyncio.to_thread(place.run, "streams", "show", "lobby")
        assert "nobody is here" in words.stdout
    gone = await asyncio.to_thread(place.run, "streams", "show", "nobody")
    assert gone.returncode == 1


async def test_the_doctor_asks_their_servers(place: Here) -> None:
    async with scripted() as here, scripted() as away, scripted() as locked:
        here.says(status=201, text=SDP)
        away.says(status=404, text="nobody is here")
        locked.says(status=401)
        servers = {"here": here, "away": away, "locked": locked}
        (place.folder / "orchestrator.toml").write_text(
            "".join(f'[streams.{id}]\nwhep = "{each.url}"\n' for id, each in servers.items())
        )
        done = await asyncio.to_thread(place.run, "doctor")
    lines = [line for line in done.stdout.splitlines() if "stream " in line]
    assert [("live" in line, "not live now" in line) for line in lines[:2]] == [
        (True, False),
        (True, True),
    ]
    assert "401" in lines[2]
    assert "It wants a bearer token" in done.stdout


def test_the_doctor_looks_for_files_and_ports(place: Here) -> None:
    there = place.folder / "film.mkv"
    there.touch()
    gone = place.folder / "gone.mkv"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        port = taken.getsockname()[1]
        (place.folder / "orchestrator.toml").write_text(
            f'whip_udp_ports = "{port}"\n'
            f'[streams.there]\nurl = "{there.as_uri()}"\n'
            f'[streams.gone]\nurl = "{gone.as_uri()}"\n'
            '[streams.studio]\nurl = "rtmp://127.0.0.1/live/geheim"\n'
        )
        done = place.run("doctor")
    lines = done.stdout.splitlines()
    assert f"ok   stream there: {there} can be read" in lines
    assert f"warn stream gone: {gone} can't be read: No such file or directory" in lines
    assert "warn whip_udp_ports: 0 of 1 ports are free" in lines
    assert "studio" not in done.stdout


def test_to_look_makes_no_catalog(place: Here) -> None:
    assert place.run("streams").returncode == 0
    assert not (place.folder / "catalog.db").exists()


def test_streams_of_the_settings_are_listed_and_stay(place: Here) -> None:
    (place.folder / "orchestrator.toml").write_text(
        '[streams.hall]\nwhep = "https://media.example/hall"\n'
    )
    hall, _ = json.loads(place.run("streams", "--json").stdout)
    assert (hall["id"], hall["discovery"]) == ("hall", "configured")
    removed = place.run("streams", "remove", "hall")
    assert (removed.returncode, "settings" in removed.stderr) == (1, True)
    added = place.run("streams", "add", "hall", URL)
    assert (added.returncode, "another id" in added.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["streams", "add", "a", "ftp://media.example/a"], "begins with whep+https"),
        (["streams", "add", "a", "whep+https://"], "name a host"),
        (["streams", "add", "", URL], "has 0 characters"),
        (["streams", "add", "a\nb", URL], "control character"),
        (["streams", "add", "a", URL, "--token-file", "none"], "no token in none"),
        (["streams", "add", "a", URL, "--name", "x" * 201], "at most 200"),
        (["streams", "add", "a"], "ADDRESS, --url-file or --whip"),
        (["streams", "add", "a", URL, "--whip"], "ADDRESS, --url-file or --whip"),
        (["streams", "add", "a", URL, "--key-file", "none"], "of use with --whip"),
        (["streams", "add", "a", "--whip", "--token-file", __file__], "token"),
        (["streams", "add", "a", "--whip", "--key-file", "none"], "no key in none"),
        (["streams", "add", "a", "--url-file", "none"], "no address in none"),
        (["record", "demo", "--token-file", __file__], "of use with an address"),
        (["streams", "add", "rtmp://geheim", URL], "is an address"),
        (["streams", "add", "../x", URL], "no address of this API"),
        (["streams", "show", "rtmp://geheim"], "is an address"),
        (["record", "gopher://geheim"], "is an address"),
        (["record", "whep+http://:80/a"], "name a host"),
        (["record", "whep+https://media.example/" + "x" * 300], "characters"),
    ],
)
def test_what_can_t_be_is_said(place: Here, arguments: list[str], said: str) -> None:
    done = place.run(*arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "geheim" not in done.stderr


def test_an_address_is_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "letmein-letmein")
    settings, id = with_address(Settings(), URL, None)
    assert id == "media.example/whep/lobby"
    defined = settings.streams[id]
    assert defined.whep == URL.removeprefix("whep+")
    assert defined.token is not None
    assert defined.token.get_secret_value() == "letmein-letmein"
    assert TOKEN not in os.environ, "no worker and no ffmpeg inherits it"
    assert with_address(settings, "demo", None) == (settings, "demo")
    assert run(["streams", "--help"]) == 0


async def test_the_doctor_counts_no_stream_of_the_settings_as_a_room() -> None:
    hall = StreamSettings(whep="https://media.example/whep/hall")
    settings = Settings(discovery=["demo"], streams={"hall": hall})
    assert await _live_of("demo", settings) == 1
