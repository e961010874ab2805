"""A real S3 server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.uploads.versitygw import VersityGw, binary, versitygw


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncIterator[VersityGw]:
    if binary() is None:
        pytest.skip("no versitygw: run scripts/versitygw")
    async with versitygw(tmp_path) as server:
        yield server
