"""One run: one life of one ffmpeg process, from its start until it is reaped.

ffmpeg gets a process group of its own (a terminal's Ctrl-C and hang-up don't reach it), no stdin,
an environment without secrets, and two pipes to us: stderr, always drained, and ``-progress``. If
we die, its input ends and it finishes its file by itself. It stays in our session: Linux weighs
niceness only within a session (sched(7), autogroup). One that is `idle` does neither.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
import structlog

from orchestrator.encoding.process import idle_start
from orchestrator.encoding.process.priority import NICENESS, forbid_realtime
from orchestrator.encoding.process.progress import Progress, ProgressParser
from orchestrator.encoding.process.run_result import RunResult, outcome_of
from orchestrator.encoding.process.stop_sequence import StopSequence
from orchestrator.process_stderr import LineRing, LogFile
from orchestrator.stop_policy import STOP, StopPolicy

log = structlog.get_logger(__name__)

_STATS_PERIOD_S: Final = "0.25"
"""Between two progress reports; the first comes after one period."""

_CHUNK: Final = 65_536
_DRAIN_S: Final = 2.0
"""How long to read the pipes of a process that has ended."""


class Run:
    """One ffmpeg. `start` once, then `wait` or `stop`; both return only when it is reaped."""

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path,
        *,
        environment: Mapping[str, str],
        idle: bool = False,
        launcher: Sequence[str] = (),
        mask: Callable[[str], str] | None = None,
    ) -> None:
        """`environment`: its whole environment (environment.passed_on).

        `idle`: it only works while nothing else does, and is killed when we die (`idle_start`).
        `launcher`: what comes before the program to start it. `mask`: what it says without
        secrets, line by line.
        """
        self.argv = tuple(argv)
        self._idle = idle
        self._launcher = idle_start.launcher() if idle else tuple(launcher)
        self._mask = mask
        self._environment = environment
        self.log_path = log_path
        self.progress: Progress | None = None
        """The latest report; None until the first."""
        self.moved_at_s = 0.0
        """time.monotonic() of the last report in which progress had advanced."""
        self.started_at_s = 0.0
        self.create_time: float | None = None
        """psutil's create_time: with the pid it names this process and no later one."""
        self._ring = LineRing()
        self._log = LogFile(log_path)
        self._process: asyncio.subprocess.Process | None = None
        self._psutil: psutil.Process | None = None
        self._watching: asyncio.Task[RunResult] | None = None
        self._stopping: asyncio.Task[RunResult] | None = None
        self._began = asyncio.Event()
        self._intended = False
        self._signalled = False

    @property
    def name(self) -> str:
        """The program."""
        return self.argv[0]

    @property
    def pid(self) -> int | None:
        """None before `start`."""
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        """Started, and not yet reaped."""
        return self._process is not None and self._process.returncode is None

    @property
    def returncode(self) -> int | None:
        """None until it has ended."""
        return None if self._process is None else self._process.returncode

    @property
    def begun(self) -> bool:
        """Something has been encoded."""
        return self._began.is_set()

    def stderr_tail(self) -> list[str]:
        """ffmpeg's last lines, oldest first."""
        return self._ring.tail()

    def cpu_s(self) -> float | None:
        """CPU time used so far, in seconds; None when the process is gone."""
        if self._psutil is None:
            return None
        try:
            times = self._psutil.cpu_times()
        except psutil.Error:
            return None
        return float(times.user + times.system)

    async def start(self) -> None:
        """Starts the process; OSError if that fails (no such program, no memory)."""
        assert self._process is None, "a run starts once"
        read, write = os.pipe()
        try:
            self._process = await self._spawn(write)
        except BaseException:
            os.close(read)
            raise
        finally:
            # The only write end left is ffmpeg's, so that ours ends when ffmpeg does.
            os.close(write)
        self.started_at_s = self.moved_at_s = time.monotonic()
        self._adopt(self._process.pid)
        self._watching = asyncio.create_task(self._watch(self._process, read))

    async def wait(self) -> RunResult:
        """Waits until it has ended, by itself or by `stop`."""
        assert self._watching is not None, "start() comes first"
        return await asyncio.shield(self._watching)

    async def wait_until_begun(self) -> None:
        """Waits for the first report that something was encoded."""
        await self._began.wait()

    async def stop(self, end_input: Callable[[], None], policy: StopPolicy = STOP) -> RunResult:
        """Stops it: end of file, a wait while it works, SIGINT, SIGTERM, SIGKILL; then reaps it.

        `end_input` closes the writing end of the input; it is called in a thread and may take a
        while (there may be frames to write first). Returns within `policy.ffmpeg_s`. Once begun
        it runs to its end even if the caller is cancelled; a second call joins the first.
        """
        assert self._watching is not None, "start() comes first"
        self._intended = True
        if self._stopping is None:
            sequence = StopSequence(self, self._watching, policy)
            self._stopping = asyncio.create_task(sequence.run(end_input))
        return await asyncio.shield(self._stopping)

    async def kill(self) -> RunResult:
        """Kills it at once, because it stalled; the file is cut off there."""
        self.signal(signal.SIGKILL)
        return await self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Signals the whole group, if the process has not been reaped yet."""
        if not self.alive or self.pid is None:
            return
        self._signalled = self._signalled or number in (signal.SIGINT, signal.SIGTERM)
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            log.debug("ffmpeg had ended already", pid=self.pid)

    async def _spawn(self, progress_fd: int) -> asyncio.subprocess.Process:
        program, *rest = self.argv
        forbid_realtime()
        return await asyncio.create_subprocess_exec(
            *self._launcher,
            program,
            "-progress",
            f"pipe:{progress_fd}",
            "-stats_period",
            _STATS_PERIOD_S,
            *rest,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(progress_fd,),
            # Idle, a session of its own: Linux weighs niceness only within one.
            process_group=None if self._idle else 0,
            start_new_session=self._idle,
            env=self._environment,
        )

    def _adopt(self, pid: int) -> None:
        try:
            self._psutil = psutil.Process(pid)
            self.create_time = self._psutil.create_time()
            if not self._idle:
                self._psutil.nice(min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS))
        except psutil.Error as error:
            # It may have ended at this very moment; its exit code says more.
            log.debug("could not inspect the ffmpeg process", pid=pid, error=str(error))

    async def _watch(self, process: asyncio.subprocess.Process, progress_fd: int) -> RunResult:
        writing = asyncio.create_task(self._log.run())
        readers = [
            asyncio.create_task(self._drain_stderr(process)),
            asyncio.create_task(self._read_progress(progress_fd)),
        ]
        returncode = await process.wait()
        await _settle(readers)
        self._log.end()
        await writing
        self._report_log()
        outcome = outcome_of(
            returncode, intended=self._intended, signalled=self._signalled, begun=self.begun
        )
        return RunResult(outcome, returncode, tuple(self.stderr_tail()), self._intended)

    async def _drain_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        rest = b""
        while data := await process.stderr.read(_CHUNK):
            if self._mask is not None:
                data, rest = self._masked(rest + data)
            self._keep(data)
        if rest:
            self._keep(self._masked(rest + b"\n")[0])

    def _masked(self, data: bytes) -> tuple[bytes, bytes]:
        """The whole lines without secrets, and the unfinished one; a long one is left out."""
        assert self._mask is not None
        whole, newline, rest = data.rpartition(b"\n")
        text = self._mask((whole + newline).decode("utf-8", "replace"))
        return text.encode(), rest if len(rest) < _CHUNK else b""

    def _keep(self, data: bytes) -> None:
        if data:
            self._ring.feed(data)
            self._log.put(data)

    async def _read_progress(self, fd: int) -> None:
        parser, reader = ProgressParser(), asyncio.StreamReader()
        file = os.fdopen(fd, "rb", 0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), file
        )
        try:
            while data := await reader.read(_CHUNK):
                for report in parser.feed(data):
                    self._take(report)
        finally:
            transport.close()

    def _take(self, report: Progress) -> None:
        if self.progress is None or report.position != self.progress.position:
            self.moved_at_s = time.monotonic()
        self.progress = report
        if report.begun:
            self._began.set()

    def _report_log(self) -> None:
        if self._log.problem or self._log.left_out_bytes:
            log.warning(
                "the log of ffmpeg is incomplete",
                problem=self._log.problem,
                left_out_bytes=self._log.left_out_bytes,
            )


async def _settle(readers: Sequence[asyncio.Task[None]]) -> None:
    # A child of ffmpeg may hold the pipes open after it; that isn't waited for.
    _, open_still = await asyncio.wait(readers, timeout=_DRAIN_S)
    for task in open_still:
        task.cancel()
    for result in await asyncio.gather(*readers, return_exceptions=True):
        if isinstance(result, Exception):
            log.warning("reading a pipe of ffmpeg failed", error=repr(result))
