"""One connection of a push: one ffmpeg and what feeds it, from its start until both have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.errors import PushFailed
from orchestrator.pipes.fifo import Fifo
from orchestrator.pushing.address import PushAddress
from orchestrator.pushing.command import ANSWER_S, tail_s
from orchestrator.pushing.failure import failure_of, refuses_video, stalled, without_video
from orchestrator.pushing.hidden_arguments import launcher
from orchestrator.stop_policy import STOP
from orchestrator.url_input.address import masked
from orchestrator.worker.outputs.push.feed import End, Feed

STALL_S: Final = 1.5 * ANSWER_S
"""How long it may take nothing while there is something to send; or not begin."""
_LOOK_S: Final = 0.25
_CLOSE_S: Final = 2.5
"""For its ffmpeg to say goodbye, within what outputs have at the end of a recording."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start."""

    arguments: list[str]
    secrets: Mapping[str, str]
    """Of its environment, for the arguments ``$NAME``."""
    environment: Mapping[str, str]
    log_path: Path


class Connection:
    """`run` once."""

    def __init__(
        self,
        address: PushAddress,
        program: Program,
        fifo: Fifo,
        feed: Feed,
    ) -> None:
        self._address = address
        self._fifo, self._feed = fifo, feed
        start = launcher()
        arguments = [
            word if start else program.secrets.get(word.removeprefix("$"), word)
            for word in program.arguments
        ]
        hidden = (*address.secrets, *(value for name, value in program.secrets.items()))
        self._run = Run(
            arguments,
            program.log_path,
            environment={**program.environment, **program.secrets},
            launcher=start,
            mask=lambda text: masked(text, hidden),
        )

    @property
    def feed(self) -> Feed:
        """What feeds it."""
        return self._feed

    @property
    def process(self) -> Run:
        """Its ffmpeg."""
        return self._run

    @property
    def refuses_video(self) -> bool:
        """Whether a WHIP server doesn't take the video as it is."""
        return self._address.kind == "whip" and refuses_video(self._run.stderr_tail())

    @property
    def sends(self) -> bool:
        """Whether the other side has taken something: ffmpeg counts frames before it connects."""
        progress = self._run.progress
        return progress is not None and (progress.out_time_s or 0.0) > 0

    async def run(self, look: Callable[[], None], ends: tuple[asyncio.Event, asyncio.Event]) -> End:
        """Until everything is sent or other parameters need another connection; else PushFailed.

        `look` is called four times a second, while it sends. `ends`: that everything is recorded,
        and that it isn't wanted any more ("aborted").
        """
        recorded, removed = ends
        try:
            await self._run.start()
        except OSError as error:
            await asyncio.to_thread(self._fifo.close)
            raise PushFailed(f"ffmpeg can't be started: {error.strerror or error}.") from error
        # A thread of its own: the shared ones are few, and this one lasts.
        thread = ThreadPoolExecutor(1, thread_name_prefix="push")
        feeding = asyncio.get_running_loop().run_in_executor(thread, self._feed.run)
        thread.shutdown(wait=False)
        ending = asyncio.create_task(self._run.wait())
        both: set[asyncio.Future[Any]] = {feeding, ending}
        try:
            while not (feeding.done() or ending.done() or removed.is_set()):
                if recorded.is_set():
                    self._feed.finish()
                self._check()
                self._let_go()
                if self.sends:
                    look()
                await asyncio.wait(both, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            return await self._ended(feeding, ending, removed=removed.is_set())
        finally:
            self._feed.abort()
            if self._run.alive:
                await self._run.kill()
            await asyncio.wait(both)

    async def _ended(
        self, feeding: asyncio.Future[End], ending: asyncio.Task[object], *, removed: bool
    ) -> End:
        if removed:
            self._feed.abort()
        if not removed and ending.done():
            raise self._failure()
        fed: End = await feeding
        if fed == "gone":
            await asyncio.wait({ending}, timeout=_CLOSE_S)
            raise self._failure()
        result = await self._run.stop(lambda: None, STOP.ffmpeg_within(_CLOSE_S))
        if fed == "recorded" and not (self.sends and result.outcome != "failed"):
            raise self._failure()
        return "aborted" if removed else fed

    def _check(self) -> None:
        now = time.monotonic()
        # ffmpeg counts frames before it has an answer, and ends on none while it waits for input.
        if self._refused:
            raise self._failure()
        moved_s = self._run.moved_at_s if self.sends else self._run.started_at_s
        since = self._feed.writing_since_s
        waits = since is not None and now - since > STALL_S
        if (waits or not self.sends) and now - moved_s > STALL_S:
            raise stalled(self._address, now - moved_s)

    def _let_go(self) -> None:
        """Ends what is written, once ffmpeg has sent it and the other side has given it out."""
        written_s = self._feed.written_at_s
        if written_s is not None:
            quiet_s = time.monotonic() - max(written_s, self._run.moved_at_s)
            if quiet_s > tail_s(self._address):
                self._feed.let_go()

    @property
    def _refused(self) -> bool:
        """It began with an answer without the video, not long ago."""
        began_s = time.monotonic() - self._run.started_at_s
        return began_s < STALL_S and self.refuses_video

    def _failure(self) -> PushFailed:
        if self._refused:
            return without_video(self._address)
        code = self._run.returncode
        return failure_of(self._address, code, self._run.stderr_tail(), self.sends)
