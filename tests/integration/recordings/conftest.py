"""Fixtures for tests of whole recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.recordings.disk import Disk, mounted


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", mib=8) as made:
        if made is None:
            pytest.skip("mounting a small file system takes root (and CAP_SYS_ADMIN)")
        yield made
