"""A layout of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.errors import LayoutBroken
from orchestrator.layouts.loading import Layouts
from orchestrator.layouts.running import LayoutRunner
from tests.unit.layouts.scenes import room

HEAD = "from orchestrator.layouts import *\n\n\ndef layout(scene):\n"


@dataclass
class Mine:
    """A folder with a layout of the user's own, called mine."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "mine.py"

    def write(self, body: str, head: str = HEAD) -> None:
        self.path.write_text(head + body)

    def load(self) -> Layouts:
        return Layouts.load(self.folder)

    def runner(self, limit_s: float = 5.0) -> LayoutRunner:
        return LayoutRunner(self.load().get("mine"), limit_s)

    def error(self) -> LayoutBroken:
        runner = self.runner()
        with pytest.raises(LayoutBroken) as raised:
            runner.compose(room(count=2))
        runner.close()
        return raised.value
