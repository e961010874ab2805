"""One server at a time: held by a real process, refused with its pid, freed by its death."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.server.lock import ServerLock, is_served

HOLDER = """
import sys
from pathlib import Path
from orchestrator.server.lock import ServerLock
lock = ServerLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""


@contextmanager
def held(catalog: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock, until a line or the end comes on its standard input."""
    command = [sys.executable, "-c", HOLDER, str(catalog)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_one_names_the_firsts_pid(tmp_path: Path) -> None:
    catalog = tmp_path / "data" / "catalog.db"
    lock = ServerLock(catalog)
    assert not is_served(catalog)
    with held(catalog) as first:
        assert is_served(catalog)
        message = (
            rf"Another server \(pid {first.pid}\) uses the catalog {catalog}\. .*kill {first.pid}"
        )
        with pytest.raises(SettingsError, match=message):
            lock.acquire(wait_s=0.2)
        first.kill()
        first.wait()
        assert lock.path.exists(), "a crash leaves the file"
        assert not is_served(catalog)
        lock.acquire(wait_s=0)
    assert lock.path.read_text() == f"{os.getpid()}\n"
    lock.release()
    lock.release()
    assert not lock.path.exists()


def test_one_that_is_just_stopping_is_waited_for(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.db"
    lock = ServerLock(catalog)
    with held(catalog) as first:
        assert first.stdin is not None
        end = threading.Timer(0.3, first.stdin.close)
        end.start()
        lock.acquire(wait_s=30)
        end.join()
    lock.release()


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    """Also while the file is removed and made again under them."""
    catalog, inside, most = tmp_path / "catalog.db", [0], [0]

    def serve() -> None:
        lock = ServerLock(catalog)
        for _ in range(5):
            lock.acquire(wait_s=60)
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1
            lock.release()

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not ServerLock(catalog).path.exists()


def test_a_link_to_the_catalog_is_the_catalog(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("catalog.db")
    lock = ServerLock(tmp_path / "catalog.db")
    lock.acquire()
    assert is_served(tmp_path / "link.db")
    lock.release()


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"lock .* can't be taken: .*ORCHESTRATOR_DATABASE_URL"):
        ServerLock(tmp_path / "file" / "catalog.db").acquire()
