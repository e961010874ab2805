"""A push from its first connection to the recording's end: connects, and connects again.

It has an ffmpeg and a thread of its own, and reads what the recording has written: whatever the
other server does, the recording doesn't notice.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import structlog

from orchestrator.encoding.process.backoff import Backoff
from orchestrator.errors import HavenError, PushFailed
from orchestrator.fragments.fragment import Container
from orchestrator.recordings.output_states import OutputState
from orchestrator.stream_copy.packet_muxer import SEGMENT_CONTAINERS
from orchestrator.worker.outputs.push.connecting import Connecting, NotReadable, held_back
from orchestrator.worker.outputs.push.feed import End, Feed
from orchestrator.worker.outputs.push.figures import PushFigures
from orchestrator.worker.outputs.push.segment_follower import Piece, SegmentFollower
from orchestrator.worker.outputs.running_output import RunningOutput

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.1
_ENDLESS: Final = 10_000
"""Failures within five minutes that are retried: more than there can be."""
LEAST_DELAY_S: Final = 1.0
_CHANGED: Final = "Output push: connects again, as its video or audio is another from now on."

_S = OutputState


async def push(output: RunningOutput) -> None:
    """Makes one push."""
    await Push(output).run()


class Push:
    """Keeps one connection going until the recording has ended or the push is removed."""

    def __init__(self, output: RunningOutput) -> None:
        self._output = output
        self._connecting = Connecting(output)
        self._figures = PushFigures.after(output.figures, active=output.state is _S.ACTIVE)
        self._backoff = Backoff(_ENDLESS)
        self._failures, self._ran_s = output.attempts, 0.0
        self._follower: SegmentFollower | None = None
        self._left: Piece | None = None
        self._broken = False
        """Its last connection broke, and there is no other."""

    async def run(self) -> None:
        """Sets all states, the final one too."""
        try:
            await self._take_over()
            while (piece := await self._piece()) is not None:
                try:
                    ended = await self._connected(piece)
                except NotReadable as error:
                    log.warning(
                        "a fragment is not pushed", output=self._output.id, error=str(error)
                    )
                except HavenError as error:
                    if not await self._again(error):
                        break
                else:
                    if ended in ("recorded", "aborted"):
                        break
                    self._output.note("push", _CHANGED, output_id=self._output.id)
            await self._conclude()
        finally:
            if self._follower is not None:
                self._follower.close()
            await self._connecting.release()

    async def _take_over(self) -> None:
        """Of a worker that was killed while it was sent: it isn't now."""
        if self._output.state is _S.ACTIVE:
            await self._output.change(
                _S.RETRYING,
                error_code=PushFailed.code,
                error=f"The push to {self._connecting.address.shown} is interrupted: the "
                "recording's worker ended without a word.",
                detail="It goes on with the recording, by itself.",
                next_try_at=datetime.now(UTC),
            )

    @property
    def _over(self) -> bool:
        return self._output.removed.is_set() or self._output.recorded.is_set()

    async def _piece(self) -> Piece | None:
        """Where the next connection begins; None if there is none."""
        if self._left is not None:
            piece, self._left = self._left, None
            return piece
        while not self._over:
            if self._follower is None:
                self._follower = self._new_follower()
            else:
                await asyncio.to_thread(self._follower.newest)
                found = await asyncio.to_thread(self._follower.next)
                if found is not None and not await self._held_back(found):
                    return found
            await asyncio.sleep(_LOOK_S)
        return None

    async def _held_back(self, piece: Piece) -> bool:
        segments = self._output.segments()
        copied = segments is not None and segments.encoding.pipeline.copies
        return copied and await asyncio.to_thread(held_back, piece)

    def _new_follower(self) -> SegmentFollower | None:
        if (segments := self._output.segments()) is None:
            return None
        pipeline = segments.encoding.pipeline
        kind = SEGMENT_CONTAINERS[pipeline.container] if pipeline.copies else pipeline.container
        return SegmentFollower(self._output.segments, cast(Container, kind))

    async def _connected(self, piece: Piece) -> End:
        """One connection, from its beginning to its end."""
        assert self._follower is not None
        connection = await self._connecting.make(piece, self._follower)
        self._figures.encodes = self._connecting.encodes
        began: list[float] = []
        looked: set[asyncio.Task[None]] = set()

        def look() -> None:
            if not began:
                began.append(time.monotonic())
                self._figures.connected()
            self._count(connection.feed)
            segments = self._output.segments()
            recorded_s = segments.end_s if segments is not None else 0.0
            self._figures.behind_s = max(0.0, recorded_s - connection.feed.sent_to_s)
            if self._figures.look(connection.process) and not looked:
                looked.add(task := asyncio.create_task(self._sends()))
                task.add_done_callback(looked.discard)

        try:
            return await connection.run(look, (self._output.recorded, self._output.removed))
        except PushFailed as error:
            raise self._connecting.after(connection, error) from error
        finally:
            self._ran_s = time.monotonic() - began[0] if began else 0.0
            self._left = connection.feed.left
            self._count(connection.feed)
            await asyncio.gather(*looked, return_exceptions=True)
            self._figures.disconnected()

    def _count(self, feed: Feed) -> None:
        """What was left out of what it has fed."""
        assert self._follower is not None
        self._figures.skipped(self._follower.skips, self._follower.skipped_s)
        self._figures.mixed(feed.undecodable)

    async def _sends(self) -> None:
        figures = self._figures.as_dict()
        if self._output.state is _S.ACTIVE:
            await self._output.change(figures=figures)
            return
        nothing = {"error_code": None, "error": None, "detail": None, "next_try_at": None}
        await self._output.change(_S.ACTIVE, figures=figures, **nothing)

    async def _again(self, error: HavenError) -> bool:
        """Says why it isn't sent, and waits; whether it is tried again."""
        self._failures += 1
        delay_s = self._backoff.failed(time.monotonic(), ran_s=self._ran_s) or 0.0
        delay_s = max(LEAST_DELAY_S, delay_s)
        failed: dict[str, Any] = {
            "attempts": self._failures,
            "error_code": error.code,
            "error": error.error,
            "detail": error.detail,
            "figures": self._figures.as_dict(),
        }
        log.warning("a push failed", output=self._output.id, error=error.error, retry_s=delay_s)
        if self._over:
            self._broken = True
            await self._output.change(**failed)
            return False
        self._output.again.clear()
        next_try = datetime.now(UTC) + timedelta(seconds=delay_s)
        await self._output.change(_S.RETRYING, next_try_at=next_try, **failed)
        waits = [
            asyncio.create_task(event.wait())
            for event in (self._output.removed, self._output.recorded, self._output.again)
        ]
        await asyncio.wait(waits, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self._over

    async def _conclude(self) -> None:
        """The final state: what was being sent at the end, to its end, is complete."""
        final: dict[str, Any] = {"figures": self._figures.as_dict(), "next_try_at": None}
        if self._output.removed.is_set():
            await self._output.change(_S.REMOVED, **final)
        elif self._output.state is _S.ACTIVE and not self._broken:
            await self._output.change(_S.COMPLETE, **final)
        elif self._output.state is _S.WAITING and not self._broken:
            await self._output.change(
                _S.FAILED,
                error_code=PushFailed.code,
                error="The recording ended before the push to "
                f"{self._connecting.address.shown} began.",
                detail="Nothing was sent; add it sooner.",
                **final,
            )
        else:
            await self._output.change(_S.FAILED, **final)
