"""What tests of layouts are given: the command, and a folder for a layout of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.cli import here, place
from tests.unit.layouts.own_layout import Mine

__all__ = ["here", "place"]


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    return Mine(tmp_path)
