"""A supervisor of fake ffmpegs, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.encoding.process.backoff import Backoff
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.prepared_run import PreparedRun
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.encoding.process.states import ProcessState
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.ffmpeg_environment import passed_on
from tests.kit.fakes import program

RUNS = """
frame = 0
while not os.path.exists(sys.argv[-1]):
    frame += 1
    report(frame)
    time.sleep(0.02)
report(frame + 1, "end")
"""


CRASHES = "report(3)\ntime.sleep(0.1)\nsay('[error] boom')\nsys.exit(1)"
NEVER_BEGINS = "say('[error] Unknown encoder')\nsys.exit(8)"
SILENT = "signal.pause()"
IGNORES_ALL = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
report(1)
while True: pass
"""


@dataclass
class Bench:
    """Runs the given programs one after the other (the last for ever) and keeps the reports."""

    folder: Path
    bodies: list[str]
    changes: list[ProcessState] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    endings: list[tuple[int, RunResult]] = field(default_factory=list)
    cleaned: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    fed: int = 0
    waits: bool = False

    def supervisor(self, *, max_restarts: int = 5, **options: Any) -> Supervisor:
        quick = Backoff(max_restarts, first_s=0.05, chance=lambda: 0.5)
        return Supervisor(
            self.begin,
            self.changed,
            lambda number, ending: self.endings.append((number, ending)),
            max_restarts=max_restarts,
            backoff=quick,
            **options,
        )

    def slow_supervisor(self) -> Supervisor:
        """One that waits for long after a failure."""
        return Supervisor(
            self.begin,
            self.changed,
            lambda number, ending: self.endings.append((number, ending)),
            max_restarts=5,
            backoff=Backoff(5, first_s=50),
        )

    def changed(self, state: ProcessState, reason: str) -> None:
        self.changes.append(state)
        self.reasons.append(reason)

    async def begin(self, number: int) -> PreparedRun:
        body = self.bodies[min(number, len(self.bodies)) - 1]
        path = program(self.folder / f"ffmpeg{number}", body)
        end = self.folder / f"end{number}"

        async def ended(ending: RunResult) -> None:
            self.cleaned.append(number)

        log_path = self.folder / f"{number}.log"
        run = Run([str(path), str(end)], log_path, environment=passed_on())
        self.runs.append(run)
        return PreparedRun(
            run,
            end.touch,
            ended,
            fed=lambda: self.fed,
            waiting=lambda: self.waits,
            cut=lambda: self.cut(end),
        )

    def cut(self, end: Path) -> bool:
        end.touch()
        return True
