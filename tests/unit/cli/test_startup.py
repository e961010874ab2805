"""What keeps `serve` from starting: each said in one line and an exit code, by the real process.

Until now only functions were tested here, and `serve` with a taken port, which fails before uvicorn
is there. What fails behind it uvicorn ended by itself, with code 3 and without a word.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.catalog.database import prepare
from tests.kit.cli import Place
from tests.kit.recordings.disk import mounted

pytestmark = pytest.mark.slow

SERVE = ("serve", "--port", "0", "--discovery", "demo")


def catalog_of(place: Place) -> Path:
    return place.folder / "catalog.db"


def damaged(path: Path) -> None:
    path.write_bytes(b"this is no database, though it is as long as one " * 100)


def damaged_inside(path: Path) -> None:
    """Its first page is well: what is wrong shows when the rows are read."""
    prepare(path, migrate=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[size:] = b"\xff" * (len(content) - size)
    path.write_bytes(content)


def newer(path: Path) -> None:
    prepare(path, migrate=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def loop_of_links(path: Path) -> None:
    path.symlink_to("catalog.db")


BROKEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "damaged": (damaged, "can't be opened: file is not a database", "move it away"),
    "damaged inside": (damaged_inside, "malformed", "move it away"),
    "newer": (newer, "has schema 9999, which is newer", "Use the newer program"),
    "folder": (Path.mkdir, "unable to open database file", "ORCHESTRATOR_DATABASE_URL"),
    "another's": (of_another_program, "has the table songs", "ORCHESTRATOR_DATABASE_URL"),
    "links": (loop_of_links, "can't be at", "ORCHESTRATOR_DATABASE_URL"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_catalog_that_can_not_be_opened(place: Place, name: str) -> None:
    make, said, advice = BROKEN[name]
    make(catalog_of(place))
    done = place.run(*SERVE)
    assert (done.returncode in (1, 2), done.stdout) == (True, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(catalog_of(place)) in done.stderr
    assert said in done.stderr
    assert advice in done.stderr


def test_another_program_s_database_is_left_as_it_is(place: Place) -> None:
    of_another_program(catalog_of(place))
    before = catalog_of(place).read_bytes()
    assert place.run(*SERVE).returncode == 2
    assert catalog_of(place).read_bytes() == before


def test_a_locked_catalog(place: Place) -> None:
    prepare(catalog_of(place), migrate=True)
    with closing(sqlite3.connect(catalog_of(place), isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        done = place.run(*SERVE, timeout_s=110)  # ten of them it waits
    assert done.returncode == 2
    assert "database is locked" in done.stderr
    assert "stop that program" in done.stderr


def test_a_catalog_on_a_disk_that_can_not_be_written(place: Place) -> None:
    with mounted(place.folder / "disk", 8) as disk:
        if disk is None:
            pytest.skip("a disk can be mounted by root only")
        path = disk.path / "catalog.db"
        prepare(path, migrate=True)
        disk.protect()
        done = place.run(*SERVE, "--database-url", f"sqlite:///{path}")
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr
    assert str(path) in done.stderr


def with_permissions_that_count(place: Place, *arguments: str) -> list[str]:
    """The command without root's right to read and write whatever the permissions say."""
    command = [sys.executable, *arguments]
    if os.geteuid():
        return command
    if shutil.which("setpriv") is None:
        pytest.skip("without setpriv root may read everything")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", "--inh-caps=-all", *command]


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_catalog_without_permission(place: Place, mode: int) -> None:
    prepare(catalog_of(place), migrate=True)
    catalog_of(place).chmod(mode)
    done = subprocess.run(
        with_permissions_that_count(place, "-m", "orchestrator", *SERVE),
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"error: The catalog {catalog_of(place)} can't be opened: ")
    assert "writable file" in done.stderr


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "203.0.113.1"])
def test_a_host_that_is_not_here(place: Place, host: str) -> None:
    place.environment["ORCHESTRATOR_API_KEY"] = "a key of sixteen characters or more"
    done = place.run(*SERVE, "--host", host)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: Can't listen on {host}, port 0: ")


def test_an_unknown_setting(place: Place) -> None:
    place.environment["ORCHESTRATOR_PROT"] = "8000"
    done = place.run(*SERVE)
    assert done.returncode == 2
    assert "ORCHESTRATOR_PROT" in done.stderr


def test_no_folder_for_pipes(place: Place) -> None:
    """As root every folder can be written to; so the real program is given one that isn't."""
    program = "import tempfile, sys; tempfile.tempdir = '/nowhere/at/all'\n"
    program += f"import orchestrator.cli; sys.argv = {['orchestrator', *SERVE]}\n"
    done = subprocess.run(
        [sys.executable, "-c", program + "orchestrator.cli.main()"],
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No pipes can be made in the temporary folder")
    assert "TMPDIR" in done.stderr


def test_the_log_has_it_in_its_own_form(place: Place) -> None:
    damaged(catalog_of(place))
    done = place.run(*SERVE, "--log-format", "json")
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (done.returncode, said["level"], said["code"]) == (2, "error", "settings")
    assert "file is not a database" in said["error"]
    assert "move it away" in said["detail"]


def what_it_logs(place: Place, *options: str) -> dict[str, dict[str, str]]:
    """The problems in the log of a server that has started, by check; it answers all the same."""
    found: dict[str, dict[str, str]] = {}
    with place.start(*SERVE, "--log-format", "json", *options) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Haven Recorder listens on ")
        late = threading.Timer(30, process.kill)
        late.start()
        for line in process.stderr:  # until it ends, which pytest's timeout bounds
            said = json.loads(line)
            if said["event"] in ("nothing can be recorded", "health warning"):
                found[said["check"]] = said
                process.send_signal(signal.SIGTERM)
        late.cancel()
        assert process.wait(30) == 0
    return found


def test_without_an_ffmpeg_it_answers_and_says_so(place: Place) -> None:
    said = what_it_logs(place, "--ffmpeg", "/nowhere/ffmpeg")["ffmpeg"]
    assert said["level"] == "error"
    assert "FFmpeg not found" in said["why"]
    assert "/nowhere/ffmpeg" in said["advice"]


def test_an_output_directory_that_can_not_be_used(place: Place) -> None:
    (place.folder / "file").touch()
    said = what_it_logs(place, "--output-directory", str(place.folder / "file" / "films"))["disk"]
    assert said["level"] == "error"
    assert f"{place.folder / 'file'} is not a folder" in said["why"]


def test_a_folder_of_pipelines_that_is_missing(place: Place) -> None:
    said = what_it_logs(place, "--pipelines-directory", "nowhere")["pipelines"]
    assert said["level"] == "warning"
    assert str(place.folder / "nowhere") in said["why"]
