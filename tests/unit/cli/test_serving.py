"""`serve` and `demo-stream`: they say where they answer, and end when they are asked to."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.kit.cli import Place


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()  # bounded by pytest's timeout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_ends(place: Place, number: signal.Signals) -> None:
    with place.start("serve", "--port", "0", "--discovery", "demo") as process:
        found = re.search(r"http://127\.0\.0\.1:\d+", first_line(process))
        assert found is not None
        with urllib.request.urlopen(f"{found[0]}/api/recording/active", timeout=30) as answer:
            assert json.load(answer)["count"] == 0
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def test_open_to_everybody_without_a_key_is_refused(place: Place) -> None:
    done = place.run("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "ORCHESTRATOR_API_KEY" in done.stderr


@pytest.mark.parametrize(
    "command", [("serve", "--host", "0.0.0.0"), ("record", "nobody"), ("doctor",)]
)
def test_a_settings_file_that_others_can_write_is_warned_of(
    command: tuple[str, ...], place: Place
) -> None:
    """It can name the ffmpeg and the pipelines that are run as us."""
    file = place.folder / ".env"
    file.touch()
    file.chmod(0o666)
    ended = place.run(*command)
    assert "The settings file .env is writable by everybody" in ended.stdout + ended.stderr


def test_a_flag_is_stronger_and_named_when_wrong(place: Place) -> None:
    place.environment["ORCHESTRATOR_LOG_LEVEL"] = "info"
    done = place.run("serve", "--log-level", "loud")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --log-level can't be 'loud'")


def test_the_demo_stream_says_its_address_first(place: Place) -> None:
    with place.start("demo-stream") as process:
        assert re.match(r"http://127\.0\.0\.1:\d+/", first_line(process))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("command", ["serve", "demo-stream"])
def test_a_taken_port_is_one_line(command: str, place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = place.run(command, "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Can't listen on ")
    assert f"port {port}" in done.stderr
    assert done.stderr.count("\n") == 1


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until_it_answers(process: subprocess.Popen[str], port: int) -> None:
    while not answers(port):  # bounded by pytest's timeout
        assert process.poll() is None
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_without_standard_streams_it_serves_and_ends_when_its_terminal_does(place: Place) -> None:
    """SIGHUP ended it at once, and left its recordings without a server."""
    port = free_port()
    serve = f"serve --port {port} --discovery demo >&- 2>&-"
    with place.shell(f"exec {sys.executable} -m orchestrator {serve}") as process:
        until_it_answers(process, port)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    assert not (place.folder / "catalog.db.server").exists(), "it gave up its lock"


def test_under_nohup_and_unread_it_serves_on(place: Place) -> None:
    port = free_port()
    serve = f"serve --port {port} --discovery demo --log-level debug 2>&1"
    with place.shell(f"exec nohup {sys.executable} -m orchestrator {serve}") as process:
        first_line(process)
        assert process.stdout is not None
        process.stdout.close()  # as `| head -1` does
        until_it_answers(process, port)
        process.send_signal(signal.SIGHUP)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/recording/start", b"{", method="POST"
        )
        with pytest.raises(urllib.error.HTTPError, match="415"):
            urllib.request.urlopen(request, timeout=30)
        assert answers(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = b"no length\r\n"
REFUSED = b"POST /api/recording/stop HTTP/1.1\r\nHost: elsewhere.example\r\n"
EVENTS = b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    ("asked", "then", "answer"),
    [
        (b"\x16\x03\x01 a TLS hello\r\n\r\n", b"", b"HTTP/1.1 400 "),
        (REFUSED + CHUNKED + BROKEN, b"", b"HTTP/1.1 400 "),
        (EVENTS + CHUNKED, BROKEN, b"HTTP/1.1 200 "),
    ],
    ids=["no request", "a broken body", "a broken body during the answer"],
)
def test_a_client_that_sends_no_http_again_and_again_is_a_line_a_second(
    asked: bytes, then: bytes, answer: bytes, place: Place
) -> None:
    """The second and third kind were a traceback each."""
    log, port, times = place.folder / "log", free_port(), 60
    serve = f"serve --port {port} --discovery demo --log-level info 2>{log}"
    with place.shell(f"exec {sys.executable} -m orchestrator {serve}") as process:
        until_it_answers(process, port)
        began, others = time.monotonic(), log.read_text().splitlines()
        for _ in range(times):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                client.sendall(asked)
                assert client.recv(4096).startswith(answer)
                client.sendall(then)
                while client.recv(4096):  # ended by the server
                    pass
        took_s = time.monotonic() - began
        time.sleep(1.1)  # the next line says how often it was
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"no request\r\n\r\n")
            assert client.recv(4096)
        assert answers(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    lines = log.read_text().splitlines()[len(others) :]
    assert len(lines) <= took_s + 8, lines  # it ends with a few of its own
    said = [line for line in lines if "a client sent an invalid HTTP request" in line]
    assert 2 <= len(said) <= took_s + 3
    more = [int(found[1]) for line in said if (found := re.search(r"and_more=(\d+)", line))]
    assert len(said) + sum(more) == times + 1, said
