"""An address that ffmpeg reads, as a source: one session is one ffmpeg.

Its tracks are "video" and "audio", of one participant. Both have the sender's times by one offset
(`sender_time`), so they need no sender reports. A sender whose clock runs back has begun anew,
with another codec or size perhaps: another session does, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.errors import SourceError, SourceUnreachable
from orchestrator.media import Publication, TrackKind, UrlEndpoint
from orchestrator.sources.received_media import PeerStatistics
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.reconnecting import SessionEnd
from orchestrator.sources.url.reader import UrlReader
from orchestrator.url_input.address import Address, address_of
from orchestrator.url_input.command import arguments, listing
from orchestrator.url_input.failure import (
    cannot_start,
    failure_of,
    foreign_publisher,
    last_error,
)
from orchestrator.url_input.process import InputProcess
from orchestrator.url_input.program import FFmpegProgram

PARTICIPANT: Final = "url"
"""One sender behind one address: its tracks share a clock."""

DELIVER_S: Final = 0.1
"""Between two deliveries of frames."""

STALL_S: Final = 10.0
"""Nothing came for so long: the connection is dead, whatever it says."""

_JOIN_S: Final = 5.0

_AGAIN_S: Final = 0.3
"""Before the port is opened again after a publisher who isn't ours."""


@dataclass(frozen=True, slots=True)
class UrlInput:
    """What reading an address takes besides it."""

    ffmpeg: Callable[[], FFmpegProgram]
    """Blocking, for a moment. Raises FFmpegNotFound."""
    log_path: Path
    """Where what it says on stderr goes."""


class UrlSession:
    """One ffmpeg's reading (reconnecting.Session)."""

    def __init__(
        self,
        endpoint: UrlEndpoint,
        receiver: Receiver,
        given: UrlInput,
        *,
        connect_timeout_s: float,
    ) -> None:
        self._endpoint, self._receiver, self._given = endpoint, receiver, given
        self._connect_timeout_s = connect_timeout_s
        self._address: Address = address_of(endpoint.url)
        self._process = InputProcess(given.log_path, self._address.secrets)
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[SessionEnd] = self._loop.create_future()
        self._woken, self._subscribed = asyncio.Event(), asyncio.Event()
        self._reader: UrlReader | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._reported_no_keyframe = False

    async def start(self) -> None:
        """Starts ffmpeg; what there is, is known when it returns.

        Where publishers come to us, one who isn't ours doesn't keep ours away: the port is opened
        again as long as there is time.
        """
        program = await asyncio.to_thread(self._given.ffmpeg)
        deadline = time.monotonic() + self._connect_timeout_s
        first: SourceError | None = None
        while True:
            try:
                reader = await self._read(program)
                await self._opened(reader, deadline)
                break
            except SourceError as problem:
                first = first or problem
                if not self._address.listens or time.monotonic() + _AGAIN_S > deadline:
                    raise first from None
            await self._end_reading()
            await asyncio.sleep(_AGAIN_S)
        self._publish(reader)
        if self._receiver.wanted:
            self._subscribed.set()
        self._delivering = asyncio.create_task(self._deliver_all(reader))
        self._delivering.add_done_callback(self._delivering_ended)

    async def wait_until_ended(self) -> SessionEnd:
        """Why it ended."""
        return await asyncio.shield(self._end)

    async def wait_until_media(self) -> None:
        """It flows as soon as it is known what there is."""

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Everything comes; the receiver leaves out what is not wanted."""
        self._subscribed.set()

    async def request_keyframe(self, sid: str) -> None:
        """Nobody can be asked: keyframes come when the sender's encoder makes them."""

    async def flush(self) -> None:
        """Delivers the frames received so far."""
        if self._reader is not None:
            self._deliver(self._reader)

    async def close(self) -> None:
        """Ends ffmpeg and the thread."""
        if self._delivering is not None:
            self._delivering.cancel()
            await asyncio.gather(self._delivering, return_exceptions=True)
        await self._end_reading()

    def statistics(self) -> PeerStatistics:
        """The connection's counters."""
        if self._reader is None:
            return PeerStatistics()
        counts = self._reader.statistics
        return PeerStatistics(
            packets_received=counts.packets,
            frames_received=counts.frames,
            frames_undecodable=counts.undecodable,
            input_pid=self._process.pid,
        )

    def last_endpoint(self) -> UrlEndpoint:
        """The endpoint; nothing renews it."""
        return self._endpoint

    # -- inside

    def _wake(self) -> None:
        """Called in the reader's thread."""
        with suppress(RuntimeError):  # the loop has ended before the thread
            self._loop.call_soon_threadsafe(self._woken.set)

    async def _read(self, program: FFmpegProgram) -> UrlReader:
        self._process = InputProcess(self._given.log_path, self._address.secrets)
        command = arguments(program.path, self._address)
        try:
            descriptor = await self._process.start(
                command, listing(self._address), program.environment
            )
        except OSError as error:
            raise cannot_start(error) from error
        self._reader = UrlReader(
            descriptor,
            self._wake,
            encoded=self._receiver.keyframe_interval_s is not None,
            max_pixels=self._receiver.max_frame_pixels,
        )
        self._reader.start()
        return self._reader

    async def _end_reading(self) -> None:
        if self._reader is not None:
            self._reader.stop()
        await self._process.stop()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join, _JOIN_S)

    async def _opened(self, reader: UrlReader, deadline: float) -> None:
        """Returns when it is known what there is; raises SourceError."""
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                while reader.formats is None and not reader.ended:
                    await self._woken.wait()
                    self._woken.clear()
        except TimeoutError as late:
            raise self._nothing_came() from late
        if reader.formats is None:
            await self._process.wait()
            raise failure_of(self._address, self._process.said())
        if not reader.formats:
            raise SourceError(
                f"{self._address.shown} has neither video nor audio.", "Check what is sent there."
            )
        if (foreign := foreign_publisher(self._address, self._process.said())) is not None:
            raise foreign

    def _publish(self, reader: UrlReader) -> None:
        self._receiver.set_publications(
            Publication(
                sid=str(each.kind),
                kind=each.kind,
                mime_type=f"{each.kind}/{each.codec}",
                participant=PARTICIPANT,
                width=each.width,
                height=each.height,
                any_codec=True,
            )
            for each in reader.formats or ()
        )
        self._receiver.set_participant_count(1)

    async def _deliver_all(self, reader: UrlReader) -> None:
        """Nothing is given before it is known what is wanted: the first keyframe would be lost."""
        await self._subscribed.wait()
        while True:
            try:
                async with asyncio.timeout(DELIVER_S):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            ended = reader.ended
            self._deliver(reader)
            if ended:
                await self._process.wait()
                self._ended(self._why_ended(reader))
                return
            if time.monotonic() - reader.moved_at_s > STALL_S:
                self._ended(SessionEnd(f"nothing came for {STALL_S:.0f} s", again=True))
                return

    def _delivering_ended(self, delivering: asyncio.Task[None]) -> None:
        problem = None if delivering.cancelled() else delivering.exception()
        if problem is not None:
            self._loop.call_exception_handler(
                {"message": "delivering frames failed", "exception": problem}
            )
            self._ended(SessionEnd("an internal error", again=True))

    def _deliver(self, reader: UrlReader) -> None:
        if reader.too_large is not None:
            size, reader.too_large = reader.too_large, None
            self._receiver.video_too_large(str(TrackKind.VIDEO), *size)
        if reader.no_keyframe and not self._reported_no_keyframe:
            self._reported_no_keyframe = True
            self._receiver.no_keyframe(str(TrackKind.VIDEO))
        for each in reader.take():
            self._receiver.frame_timed(str(each.kind), each.time_ns, each.frame)

    def _why_ended(self, reader: UrlReader) -> SessionEnd:
        if self._address.is_file:
            return self._file_ended(reader)
        if reader.ran_back:
            return SessionEnd("the sender's clock began anew", again=True)
        return SessionEnd(
            last_error(self._process.said()) or "the sender ended the stream", again=True
        )

    def _file_ended(self, reader: UrlReader) -> SessionEnd:
        if reader.ran_back:
            why = f"The times in {self._address.shown} run back."
            return SessionEnd(why, again=False, error=SourceError(why, "Remux the file."))
        return SessionEnd("the file ended", again=False)

    def _ended(self, end: SessionEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _nothing_came(self) -> SourceError:
        what = (
            "Nobody published to" if self._address.listens else "Nothing that can be read came from"
        )
        return SourceUnreachable(
            f"{what} {self._address.shown} within {self._connect_timeout_s:g} s.",
            "Start the sender first; ORCHESTRATOR_CONNECT_TIMEOUT_S says how long to wait."
            if self._address.listens
            else "Check the address, and that it is live now.",
        )
