"""Makes the connections of one push: where it leads, what is encoded for it, and its cores."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, cast

import av

from orchestrator.capacity.admission import capacity
from orchestrator.capacity.cpu_budget import EncoderInput
from orchestrator.capacity.push_use import push_cores, release, reserve_push
from orchestrator.errors import FFmpegNotFound, InvalidRequest, PushFailed
from orchestrator.media import SECOND_NS
from orchestrator.outputs.specs import PushOutput
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_rate import USUAL_FPS
from orchestrator.pushing.address import address_of
from orchestrator.pushing.authorities import authorities
from orchestrator.pushing.command import (
    PushEncoding,
    arguments,
    encoding_for,
    secret_environment,
    tail_s,
)
from orchestrator.pushing.media import PushedMedia
from orchestrator.recordings.start_request import QUALITIES
from orchestrator.stream_copy.packet_timeline import HOLD_NS
from orchestrator.target_addresses import checked_addresses
from orchestrator.url_input.program import program
from orchestrator.worker.outputs.push.connection import Connection, Program
from orchestrator.worker.outputs.push.feed import Feed
from orchestrator.worker.outputs.push.piece_packets import OpenPiece
from orchestrator.worker.outputs.push.segment_follower import Piece, SegmentFollower
from orchestrator.worker.outputs.running_output import RunningOutput

_ANOTHER_PROFILE: Final = (
    "From now on its video is encoded for it, in the profile that all receivers take."
)


class NotReadable(Exception):
    """No connection can begin with this piece; with the next one perhaps."""


class Connecting:
    """`make` for each connection; `release` at the end."""

    def __init__(self, output: RunningOutput) -> None:
        self._output = output
        self._spec = cast(PushOutput, output.spec)
        self._settings = output.context.settings
        self.address = address_of(self._spec.url.get_secret_value())
        self.encodes: tuple[str, ...] = ()
        """What is encoded again for the connection that was made last: `video`, `audio`."""
        self._count = 0
        self._reserved = 0.0
        """Cores, for an encoder of its own."""
        self._mixes = False
        self._baseline_only = False
        """WHIP: the other side has refused the video as it is."""

    async def make(self, piece: Piece, follower: SegmentFollower) -> Connection:
        """One that begins with this piece. NotReadable; HavenError for all else."""
        pinned_to = await self._checked()
        try:
            ffmpeg = await asyncio.to_thread(program, self._settings)
        except FFmpegNotFound as missing:
            raise PushFailed(missing.error, missing.detail) from missing
        media, has_b_frames = await asyncio.to_thread(_looked_into, piece)
        encoding = self._encoding(media, reordered=has_b_frames)
        self.encodes = encoding.tracks
        await self._reserve(media if encoding.video_bps is not None else None)
        name, self._count = f"push-{self._output.id[:8]}", self._count + 1
        path = self._output.context.runtime / f"{name}-{self._count}.nut"
        fifo = await asyncio.to_thread(partial(Fifo, path, large=False))
        token = self._spec.token
        secret = token.get_secret_value() if token is not None else None
        argv = arguments(
            ffmpeg.path,
            fifo.path,
            self.address,
            encoding,
            pinned=pinned_to is not None,
            token=secret is not None,
        )
        return Connection(
            self.address,
            Program(
                argv,
                secret_environment(self.address, secret, pinned_to),
                {**ffmpeg.environment, **authorities()},
                self._output.work / f"{name}.log",
            ),
            fifo,
            Feed(
                fifo,
                follower,
                piece,
                mixes=self._mixes,
                holds=tail_s(self.address) > 0,
                pads=self.address.kind == "srt",
            ),
        )

    def after(self, connection: Connection, error: PushFailed) -> PushFailed:
        """What a connection's failure changes for the next one, and the error that says so."""
        if "video" in self.encodes or not connection.refuses_video:
            return error
        self._baseline_only = True
        return PushFailed(error.error, _ANOTHER_PROFILE)

    async def release(self) -> None:
        """Gives back the cores of its encoder."""
        if self._reserved:
            catalog = self._output.context.catalog
            await catalog.reserve(self._output.recording.id, release(self._reserved))
            self._reserved = 0.0

    def _encoding(self, media: PushedMedia, *, reordered: bool) -> PushEncoding:
        segments = self._output.segments()
        copied = segments is not None and segments.encoding.pipeline.copies
        kind, recording = self.address.kind, self._output.recording
        # Once for all: the next microphone then costs no other connection.
        alone = len(media.audio) == 1 and media.copies_audio(kind)
        self._mixes = self._mixes or (copied and not alone)
        return encoding_for(
            media,
            self.address,
            reordered=reordered,
            mixes=self._mixes,
            baseline_only=self._baseline_only,
            video_bps=QUALITIES[recording.video_quality].video_bps,
            audio_bps=QUALITIES[recording.audio_quality].audio_bps,
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

    async def _checked(self) -> str | None:
        """The IP address to connect to; None: whatever the name resolves to."""
        if self._output.trusted or self._settings.allow_private_targets:
            return None
        address = self.address
        try:
            found = await checked_addresses(address.host, "url", private=False)
        except InvalidRequest as refused:
            raise PushFailed(refused.error, refused.detail) from refused
        if not found:
            raise PushFailed(
                f"The push to {address.shown} doesn't begin: its name can't be found.",
                "Check the address; it is tried again.",
            )
        return None if address.kind == "whip" else found[self._count % len(found)]


def held_back(piece: Piece) -> bool:
    """Whether a copy's audio of this time may still come: at its beginning it is held back until
    its place is known. Blocking.
    """
    if piece.begin_s >= HOLD_NS / SECOND_NS:
        return False
    try:
        found = OpenPiece(piece).packets(all_audio=True)
    except (av.FFmpegError, ValueError):
        return True
    return not any(each.stream.type == "audio" for each in found)


def _looked_into(piece: Piece) -> tuple[PushedMedia, bool]:
    """What it consists of, and whether it has B-frames. Blocking. Raises NotReadable."""
    try:
        opened = OpenPiece(piece)
        media = opened.media
    except (av.FFmpegError, ValueError) as error:
        raise NotReadable(repr(error)) from error
    if opened.empty:
        raise NotReadable("it is empty")
    return media, opened.reordered
