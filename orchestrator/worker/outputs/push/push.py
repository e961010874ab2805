"""A push from its first connection to the recording's end: connects, and connects again.

It has an ffmpeg and a thread of its own, and reads what the recording has written: whatever the
other server does, the recording doesn't notice.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

import av
import structlog

from orchestrator.capacity.admission import capacity
from orchestrator.capacity.cpu_budget import EncoderInput
from orchestrator.capacity.push_use import push_cores, release, reserve_push
from orchestrator.encoding.process.backoff import Backoff
from orchestrator.errors import FFmpegNotFound, HavenError, InvalidRequest, PushFailed
from orchestrator.fragments.fragment import Container
from orchestrator.outputs.specs import PushOutput
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_rate import USUAL_FPS
from orchestrator.pushing.address import PushAddress, address_of
from orchestrator.pushing.authorities import authorities
from orchestrator.pushing.command import arguments, encoding_for, secret_environment
from orchestrator.pushing.media import PushedMedia
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.start_request import QUALITIES
from orchestrator.stream_copy.packet_muxer import SEGMENT_CONTAINERS
from orchestrator.target_addresses import checked_addresses
from orchestrator.url_input.program import program
from orchestrator.worker.outputs.push.connection import Connection, Program
from orchestrator.worker.outputs.push.feed import End
from orchestrator.worker.outputs.push.figures import PushFigures
from orchestrator.worker.outputs.push.piece_packets import OpenPiece
from orchestrator.worker.outputs.push.segment_follower import Piece, SegmentFollower
from orchestrator.worker.outputs.running_output import RunningOutput

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.1
_ENDLESS: Final = 10_000
"""Failures within five minutes that are retried: more than there can be."""
LEAST_DELAY_S: Final = 1.0

_S = OutputState


async def push(output: RunningOutput) -> None:
    """Makes one push."""
    await Push(output).run()


class Push:
    """Keeps one connection going until the recording has ended or the push is removed."""

    def __init__(self, output: RunningOutput) -> None:
        self._output = output
        self._spec = cast(PushOutput, output.spec)
        self._settings = output.context.settings
        self._address = address_of(self._spec.url.get_secret_value())
        self._figures = PushFigures()
        self._backoff = Backoff(_ENDLESS)
        self._failures, self._ran_s = 0, 0.0
        self._reserved = 0.0
        """Cores, for an encoder of its own."""
        self._follower: SegmentFollower | None = None
        self._left: Piece | None = None
        self._broken = False
        """Its last connection broke, and there is no other."""

    async def run(self) -> None:
        """Sets all states, the final one too."""
        try:
            while (piece := await self._piece()) is not None:
                try:
                    ended = await self._connected(piece)
                except _NotReadable as error:
                    log.warning(
                        "a fragment is not pushed", output=self._output.id, error=str(error)
                    )
                except HavenError as error:
                    if not await self._again(error):
                        break
                else:
                    if ended in ("recorded", "aborted"):
                        break
            await self._conclude()
        finally:
            if self._follower is not None:
                self._follower.close()
            await self._release()

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
                if (found := await asyncio.to_thread(self._follower.next)) is not None:
                    return found
            await asyncio.sleep(_LOOK_S)
        return None

    def _new_follower(self) -> SegmentFollower | None:
        if (segments := self._output.segments()) is None:
            return None
        pipeline = segments.encoding.pipeline
        kind = SEGMENT_CONTAINERS[pipeline.container] if pipeline.copies else pipeline.container
        return SegmentFollower(self._output.segments, cast(Container, kind))

    async def _connected(self, piece: Piece) -> End:
        """One connection, from its beginning to its end."""
        assert self._follower is not None
        connection = await self._connection(piece, self._follower)
        began: list[float] = []
        looked: set[asyncio.Task[None]] = set()

        def look() -> None:
            if not began:
                began.append(time.monotonic())
                self._figures.connected()
            assert self._follower is not None
            self._figures.skips = self._follower.skips
            self._figures.skipped_s = self._follower.skipped_s
            segments = self._output.segments()
            recorded_s = segments.end_s if segments is not None else 0.0
            self._figures.behind_s = max(0.0, recorded_s - connection.feed.sent_to_s)
            if self._figures.look(connection.process) and not looked:
                looked.add(task := asyncio.create_task(self._sends()))
                task.add_done_callback(looked.discard)

        try:
            return await connection.run(look, (self._output.recorded, self._output.removed))
        finally:
            self._ran_s = time.monotonic() - began[0] if began else 0.0
            self._left = connection.feed.left
            await asyncio.gather(*looked, return_exceptions=True)
            self._figures.disconnected()

    async def _sends(self) -> None:
        figures = self._figures.as_dict()
        if self._output.state is _S.ACTIVE:
            await self._output.change(figures=figures)
            return
        nothing = {"error_code": None, "error": None, "detail": None, "next_try_at": None}
        await self._output.change(_S.ACTIVE, figures=figures, **nothing)

    async def _connection(self, piece: Piece, follower: SegmentFollower) -> Connection:
        address, token = self._address, self._spec.token
        pinned_to = await self._checked(address)
        try:
            ffmpeg = await asyncio.to_thread(program, self._settings)
        except FFmpegNotFound as missing:
            raise PushFailed(missing.error, missing.detail) from missing
        media, has_b_frames = await asyncio.to_thread(_looked_into, piece)
        recording = self._output.recording
        encoding = encoding_for(
            media,
            address,
            reordered=has_b_frames,
            video_bps=QUALITIES[recording.video_quality].video_bps,
            audio_bps=QUALITIES[recording.audio_quality].audio_bps,
        )
        self._figures.encodes = encoding.tracks
        await self._reserve(media if encoding.video_bps is not None else None)
        name = f"push-{self._output.id[:8]}"
        path = self._output.context.runtime / f"{name}-{self._figures.connections}-{self._failures}"
        fifo = await asyncio.to_thread(partial(Fifo, path.with_suffix(".nut"), large=False))
        secret = token.get_secret_value() if token is not None else None
        argv = arguments(
            ffmpeg.path,
            fifo.path,
            address,
            encoding,
            pinned=pinned_to is not None,
            token=secret is not None,
        )
        return Connection(
            address,
            Program(
                argv,
                secret_environment(address, secret, pinned_to),
                {**ffmpeg.environment, **authorities()},
                self._output.work / f"{name}.log",
            ),
            fifo,
            follower,
            piece,
        )

    async def _reserve(self, media: PushedMedia | None) -> None:
        """Cores for an encoder of this media; NoCapacity if there are none."""
        segments, recording = self._output.segments(), self._output.recording
        if media is None or media.video is None or segments is None or self._reserved:
            return
        catalog, encoding = self._output.context.catalog, segments.encoding
        machine = await capacity(self._settings, catalog, encoding.ffmpeg, encoding.pipelines)
        fps = segments.encoder_input().get("planned_fps", USUAL_FPS)
        encoder_input = EncoderInput(media.video.width, media.video.height, fps)
        await catalog.reserve(recording.id, reserve_push(machine, encoder_input))
        self._reserved = push_cores(machine, encoder_input)

    async def _release(self) -> None:
        if self._reserved:
            catalog = self._output.context.catalog
            await catalog.reserve(self._output.recording.id, release(self._reserved))
            self._reserved = 0.0

    async def _checked(self, address: PushAddress) -> str | None:
        """The IP address to connect to; None: whatever the name resolves to."""
        if self._output.trusted or self._settings.allow_private_targets:
            return None
        try:
            found = await checked_addresses(address.host, "url", private=False)
        except InvalidRequest as refused:
            raise PushFailed(refused.error, refused.detail) from refused
        if not found:
            raise PushFailed(
                f"The push to {address.shown} doesn't begin: its name can't be found.",
                "Check the address; it is tried again.",
            )
        return None if address.kind == "whip" else found[self._failures % len(found)]

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
        else:
            await self._output.change(_S.FAILED, **final)


class _NotReadable(Exception):
    """No connection can begin with this piece; with the next one perhaps."""


def _looked_into(piece: Piece) -> tuple[PushedMedia, bool]:
    """What it consists of, and whether it has B-frames. Blocking. Raises _NotReadable."""
    try:
        opened = OpenPiece(piece)
        media = opened.media
    except (av.FFmpegError, ValueError) as error:
        raise _NotReadable(repr(error)) from error
    if opened.empty:
        raise _NotReadable("it is empty")
    return media, opened.reordered
