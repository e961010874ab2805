"""Publishes in a real LiveKit room: numbered frames and beeps, in step."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, TypeAlias

from livekit import rtc
from livekit.rtc._proto import video_frame_pb2 as proto

from tests.kit.clocks import Stalls
from tests.kit.livekit.server import Server
from tests.kit.signals.codes import Encoded, beep, draw, second
from tests.kit.signals.tones import samples

AUDIO_RATE: Final = 48_000
CHUNK: Final = 480
"""Samples in 10 ms."""


Source: TypeAlias = rtc.TrackSource.ValueType
SCREEN: Final = rtc.TrackSource.SOURCE_SCREENSHARE

_CODECS: Final = {
    "vp8": proto.VP8,
    "h264": proto.H264,
    "vp9": proto.VP9,
    "av1": proto.AV1,
    "h265": proto.H265,
}


def as_encoders_of_webrtc(data: bytes) -> bytes:
    """H.264 as WebRTC's own encoders write it: long start codes, and no SEI.

    The start codes before the first slice are part of what is authenticated, and receivers write
    long ones. The SDK (1.2.1) counts the bytes before that slice modulo 256, which x264's SEI
    exceeds: nobody can decrypt those keyframes.
    """
    nals = [each.rstrip(b"\0") for each in data.split(b"\0\0\1")]
    return b"".join(b"\0\0\0\1" + each for each in nals if each and each[0] & 0x1F != 6)


class Publisher:
    """Publishes the numbered frames and the beeps, in step, until it is closed."""

    def __init__(
        self,
        *,
        width: int,
        height: int,
        fps: int,
        drift_ppm: float = 0,
        tone: int = 0,
        encryption: rtc.E2EEOptions | None = None,
    ) -> None:
        self.room = rtc.Room()
        self._encryption = encryption
        self._tone = tone
        """Hz of what is heard all the time, beside the beeps; 0: nothing."""
        self._audio_rate = AUDIO_RATE * (1 + drift_ppm / 1e6)
        """What the microphone's crystal makes of it."""
        self.width, self.height, self.fps = width, height, fps
        self.sent = 0
        """The number that the next frame will have."""
        self.prepared: list[Encoded] = []
        """The first frames, encoded beforehand."""
        self.refused: list[int] = []
        """Numbers of frames that the SDK did not take."""
        self.video: rtc.LocalTrackPublication | None = None
        self.audio: rtc.LocalTrackPublication | None = None
        self.video_track: rtc.LocalVideoTrack | None = None
        self.audio_track: rtc.LocalAudioTrack | None = None
        self._began = time.monotonic()
        self.stalls = Stalls()
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, url: str, token: str) -> None:
        options = rtc.RoomOptions(auto_subscribe=False, encryption=self._encryption)
        await self.room.connect(url, token, options)

    async def publish_video(
        self,
        codec: str,
        *,
        simulcast: bool = False,
        layers: str = "",
        live: bool = False,
        source: Source = rtc.TrackSource.SOURCE_CAMERA,
    ) -> None:
        """Publishes encoded frames, with a keyframe each second whoever asks.

        AV1, simulcast, `layers` (``L3T3_KEY``) and what is to be `live` the SDK encodes.
        """
        options = rtc.TrackPublishOptions(
            video_codec=_CODECS[codec], source=source, simulcast=simulcast
        )
        if layers:
            options.scalability_mode = layers
        # Room above what the frames need, else the SDK drops some to keep to its own estimate.
        options.video_encoding.max_bitrate = 8_000_000
        options.video_encoding.max_framerate = self.fps
        if simulcast or layers or live or codec == "av1":
            raw = rtc.VideoSource(self.width, self.height)
            self.video_track = rtc.LocalVideoTrack.create_video_track("video", raw)
            feed = self._feed_raw(raw)
        else:
            options.video_encoder = rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED
            ready = rtc.EncodedVideoSource(self.width, self.height)
            self.video_track = rtc.LocalVideoTrack.create_video_track("video", ready)
            feed = self._feed_encoded(ready, codec)
        self.video = await self.room.local_participant.publish_track(self.video_track, options)
        self._tasks.append(asyncio.create_task(feed))

    async def publish_audio(self, *, dtx: bool = False) -> None:
        source = rtc.AudioSource(AUDIO_RATE, 1, queue_size_ms=0)
        self.audio_track = rtc.LocalAudioTrack.create_audio_track("audio", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=dtx)
        self.audio = await self.room.local_participant.publish_track(self.audio_track, options)
        self._tasks.append(asyncio.create_task(self._feed_audio(source)))

    async def unpublish(self) -> None:
        """Takes both tracks back; the participant stays."""
        await self._stop_feeding()
        for publication in filter(None, (self.video, self.audio)):
            await self.room.local_participant.unpublish_track(publication.sid)
        self.video = self.audio = None

    async def close(self) -> None:
        await self._stop_feeding()
        await self.room.disconnect()

    async def _stop_feeding(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start_clock(self, began: float | None = None) -> float:
        """Frame 0 and the first beep happen now, or when another publisher's clock began."""
        self._began = time.monotonic() if began is None else began
        return self._began

    @property
    def began_s(self) -> float:
        """time.monotonic() of frame 0."""
        return self._began

    @property
    def clock_s(self) -> float:
        """How long its clock has run: the frame that is due now has this second on it."""
        return time.monotonic() - self._began

    async def _until(self, offset_s: float) -> None:
        await asyncio.sleep(max(0.0, self._began + offset_s - time.monotonic()))

    def _number_now(self) -> int:
        """The number due next, a multiple of the rate, so that seconds stay whole."""
        return (int(time.monotonic() - self._began) + 1) * self.fps

    async def _feed_encoded(self, source: rtc.EncodedVideoSource, codec: str) -> None:
        number, waits = self._number_now(), False
        as_sent = self._encryption is not None and codec == "h264"
        async for (made, key), size in self._encoded(codec, number):
            data = as_encoders_of_webrtc(made) if as_sent else made
            await self._until(number / self.fps)
            if waits := self.stalls.left_s("video") > 0 or (waits and not key):
                number += 1
                continue
            kind = proto.ENCODED_FRAME_KEY if key else proto.ENCODED_FRAME_DELTA
            stamp = self._timestamp_us(number)
            frame = rtc.EncodedVideoFrame(data, *size, _CODECS[codec], kind, stamp)
            if not source.capture_frame(frame):
                self.refused.append(number)
            self.sent = number = number + 1

    async def _encoded(
        self, codec: str, number: int
    ) -> AsyncIterator[tuple[Encoded, tuple[int, int]]]:
        """Encoded frames from `number` on, a full second: from those prepared, then new ones.

        A new `width` and `height` are those of the second that is encoded next.
        """
        size = (self.width, self.height)
        for each in self.prepared[number:]:
            yield each, size
        number = max(number, len(self.prepared))
        ahead = self._ahead(codec, number)
        while True:
            frames, next_size = await ahead, (self.width, self.height)
            number += self.fps
            ahead = self._ahead(codec, number)
            for each in frames:
                yield each, size
            size = next_size

    def _ahead(self, codec: str, number: int) -> asyncio.Task[list[Encoded]]:
        encode = partial(second, codec, width=self.width, height=self.height, fps=self.fps)
        return asyncio.create_task(asyncio.to_thread(encode, first=number))

    async def _feed_raw(self, source: rtc.VideoSource) -> None:
        number = self._number_now()
        while True:
            await self._until(number / self.fps)
            drawn = draw(number, width=self.width, height=self.height, fps=self.fps)
            data = drawn.to_ndarray().tobytes()
            frame = rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, data)
            source.capture_frame(frame, timestamp_us=self._timestamp_us(number))
            self.sent = number = number + 1

    def _timestamp_us(self, number: int) -> int:
        return int((self._began + number / self.fps) * 1e6)

    def _chunk_now(self) -> int:
        return int((time.monotonic() - self._began) * self._audio_rate) // CHUNK + 1

    async def _feed_audio(self, source: rtc.AudioSource) -> None:
        chunk = self._chunk_now()
        while True:
            await self._until(chunk * CHUNK / self._audio_rate)
            if (left_s := self.stalls.left_s("audio")) > 0:
                await asyncio.sleep(left_s)
                chunk = self._chunk_now()
            audio = beep(chunk * CHUNK, CHUNK, AUDIO_RATE)
            if self._tone:
                audio += samples(self._tone, chunk * CHUNK, CHUNK)
            frame = rtc.AudioFrame(audio.tobytes(), AUDIO_RATE, 1, CHUNK)
            await source.capture_frame(frame)
            chunk += 1


@contextlib.asynccontextmanager
async def publish(
    server: Server,
    room: str,
    *,
    identity: str = "publisher",
    video: str | None = "vp8",
    audio: bool = True,
    simulcast: bool = False,
    layers: str = "",
    live: bool = False,
    width: int = 320,
    height: int = 180,
    fps: int = 30,
    tone: int = 0,
    source: Source = rtc.TrackSource.SOURCE_CAMERA,
    encryption: rtc.E2EEOptions | None = None,
) -> AsyncIterator[Publisher]:
    """Publishes in the room for as long as the context is open."""
    publisher = Publisher(width=width, height=height, fps=fps, tone=tone, encryption=encryption)
    await publisher.connect(server.url, server.token(room, identity, publish=True))
    try:
        publisher.start_clock()
        if audio:
            await publisher.publish_audio()
        if video is not None:
            await publisher.publish_video(
                video, simulcast=simulcast, layers=layers, live=live, source=source
            )
        yield publisher
    finally:
        await publisher.close()
