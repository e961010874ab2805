"""Secrets in the catalog: sealed with a key that lies beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import Unavailable
from orchestrator.sealing import SealingKey


def test_what_was_sealed_is_read_by_another_process(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.db"
    sealed = SealingKey(catalog).seal("the passphrase")
    assert "passphrase" not in sealed
    assert SealingKey(catalog).unseal(sealed) == "the passphrase"
    (key,) = tmp_path.iterdir()
    assert (key.name, key.stat().st_mode & 0o777) == ("catalog.db.key", 0o600)


def test_processes_that_make_the_key_at_once_use_the_same(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.db"
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(lambda n: SealingKey(catalog).seal(str(n)), range(32)))
    assert [SealingKey(catalog).unseal(each) for each in sealed] == [str(n) for n in range(32)]
    assert [each.name for each in tmp_path.iterdir()] == ["catalog.db.key"]


@pytest.mark.parametrize("damage", ["gone", "another", "garbage", "a folder"])
def test_a_key_that_does_not_fit_is_said_and_never_replaced(tmp_path: Path, damage: str) -> None:
    sealed = SealingKey(tmp_path / "catalog.db").seal("secret")
    key = tmp_path / "catalog.db.key"
    key.unlink()
    if damage == "another":
        SealingKey(tmp_path / "other.db").seal("x")
        (tmp_path / "other.db.key").rename(key)
    elif damage == "garbage":
        key.write_text("no key")
    elif damage == "a folder":
        key.mkdir()
    before = key.exists() and key.is_file() and key.read_bytes()
    with pytest.raises(Unavailable, match=r"catalog\.db\.key"):
        SealingKey(tmp_path / "catalog.db").unseal(sealed)
    assert (key.exists() and key.is_file() and key.read_bytes()) == before


def test_a_sealed_secret_that_was_changed_is_not_read(tmp_path: Path) -> None:
    key = SealingKey(tmp_path / "catalog.db")
    sealed = key.seal("secret")
    with pytest.raises(Unavailable):
        key.unseal(sealed[:-4] + "AAA=")
