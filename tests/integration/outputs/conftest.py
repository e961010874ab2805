"""What tests of pushes from real rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.livekit.server import Server
from tests.kit.pushes.rooms import may_push
from tests.kit.recordings.machine import Machine


@pytest.fixture
def machine(tmp_path: Path, livekit_server: Server) -> Machine:
    (folder := tmp_path / "machine").mkdir()
    return may_push(Machine(folder, livekit_server))
