"""`serve` and `demo-stream`: they say where they answer, and end when they are told to."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import urllib.request

import pytest

from tests.cli.conftest import Place


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
