"""A real LiveKit server and a real publisher, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from livekit import api, rtc
from livekit.rtc._proto import video_frame_pb2 as proto

from orchestrator.settings import Settings
from tests.codes import Encoded, beep, draw, second
from tests.ports import free_port

VERSION: Final = "v1.13.3"
KEY: Final = "devkey"
SECRET: Final = "secret-of-the-tests-with-32-letters"
AUDIO_RATE: Final = 48_000
CHUNK: Final = 480
"""Samples in 10 ms."""

_CODECS: Final = {"vp8": proto.VP8, "h264": proto.H264, "vp9": proto.VP9}


def server_binary() -> Path | None:
    """The LiveKit server: $HAVEN_LIVEKIT_SERVER, else the one scripts/livekit-server built."""
    if given := os.environ.get("HAVEN_LIVEKIT_SERVER"):
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "haven-recorder" / f"livekit-server-{VERSION}" / "livekit-server"
    return built if built.exists() else None


def settings_of(url: str, folder: Path, /, **changes: Any) -> Settings:
    """A recorder's for a LiveKit server of the tests, with all it writes in one folder."""
    base: dict[str, Any] = {
        "livekit_url": url,
        "livekit_api_key": KEY,
        "livekit_api_secret": SECRET,
        "discovery": ["livekit"],
        "database_url": f"sqlite:///{folder / 'catalog.db'}",
        "output_directory": folder / "out",
        "disk_reserve_bytes": 0,
        # Several on a machine that is too small for them is what some tests want.
        "cpu_limit": 10,
        "speed_step": "default",
        "log_level": "warning",
    }
    return Settings(**(base | changes))


class Server:
    """A LiveKit server process on ports of its own, on the loopback address only."""

    def __init__(self, binary: Path, log: Path, udp_port: int | None = None) -> None:
        self._binary = binary
        self._log = log
        self.port = free_port()
        self._udp = udp_port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        config = (
            f"port: {self.port}\nbind_addresses: [127.0.0.1]\nkeys: {{{KEY}: {SECRET}}}\n"
            f"rtc: {{udp_port: {self._udp}, tcp_port: 0, use_external_ip: false}}\n"
            "logging: {level: info}\n"
        )
        command = [str(self._binary), "--config-body", config, "--node-ip", "127.0.0.1"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, "the LiveKit server does not answer"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/", timeout=1).status_code == 200
        return False

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, abruptly unless told otherwise."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def token(
        self, room: str, identity: str, *, secret: str = SECRET, publish: bool = False
    ) -> str:
        """A token as discovery mints it (hidden, receives only), or a publisher's."""
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            hidden=not publish,
            recorder=not publish,
            can_publish=publish,
            can_publish_data=False,
            can_subscribe=True,
        )
        return api.AccessToken(KEY, secret).with_identity(identity).with_grants(grants).to_jwt()


class Publisher:
    """Publishes the numbered pictures and the beeps, in step, until it is closed."""

    def __init__(self, *, width: int, height: int, fps: int, drift_ppm: float = 0) -> None:
        self.room = rtc.Room()
        self._audio_rate = AUDIO_RATE * (1 + drift_ppm / 1e6)
        """What the microphone's crystal makes of it."""
        self.width, self.height, self.fps = width, height, fps
        self.sent = 0
        """The number that the next picture will have."""
        self.prepared: list[Encoded] = []
        """The first pictures, encoded beforehand."""
        self.refused: list[int] = []
        """Numbers of pictures that the SDK did not take."""
        self.video: rtc.LocalTrackPublication | None = None
        self.audio: rtc.LocalTrackPublication | None = None
        self.video_track: rtc.LocalVideoTrack | None = None
        self.audio_track: rtc.LocalAudioTrack | None = None
        self._began = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, url: str, token: str) -> None:
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))

    async def publish_video(self, codec: str, *, simulcast: bool = False) -> None:
        """Publishes encoded pictures, or with simulcast raw ones that the SDK encodes."""
        options = rtc.TrackPublishOptions(
            video_codec=_CODECS[codec], source=rtc.TrackSource.SOURCE_CAMERA, simulcast=simulcast
        )
        # Room above what the pictures need, else the SDK drops some to keep to its own estimate.
        options.video_encoding.max_bitrate = 8_000_000
        options.video_encoding.max_framerate = self.fps
        if simulcast:
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
        """Picture 0 and the first beep happen now, or when another publisher's clock began."""
        self._began = time.monotonic() if began is None else began
        return self._began

    async def _until(self, offset_s: float) -> None:
        await asyncio.sleep(max(0.0, self._began + offset_s - time.monotonic()))

    def _number_now(self) -> int:
        """The number due next, a multiple of the rate, so that seconds stay whole."""
        return (int(time.monotonic() - self._began) + 1) * self.fps

    async def _feed_encoded(self, source: rtc.EncodedVideoSource, codec: str) -> None:
        size = (self.width, self.height)
        number = self._number_now()
        async for data, key in self._encoded(codec, number):
            await self._until(number / self.fps)
            kind = proto.ENCODED_FRAME_KEY if key else proto.ENCODED_FRAME_DELTA
            stamp = self._timestamp_us(number)
            frame = rtc.EncodedVideoFrame(data, *size, _CODECS[codec], kind, stamp)
            if not source.capture_frame(frame):
                self.refused.append(number)
            number += 1
            self.sent = number

    async def _encoded(self, codec: str, number: int) -> AsyncIterator[Encoded]:
        """Encoded pictures from `number` on, a full second: from those prepared, then new ones."""
        for each in self.prepared[number:]:
            yield each
        number = max(number, len(self.prepared))
        encode = partial(second, codec, width=self.width, height=self.height, fps=self.fps)
        ahead = asyncio.create_task(asyncio.to_thread(encode, first=number))
        while True:
            frames = await ahead
            number += self.fps
            ahead = asyncio.create_task(asyncio.to_thread(encode, first=number))
            for each in frames:
                yield each

    async def _feed_raw(self, source: rtc.VideoSource) -> None:
        number = self._number_now()
        while True:
            await self._until(number / self.fps)
            picture = draw(number, width=self.width, height=self.height, fps=self.fps)
            data = picture.to_ndarray().tobytes()
            frame = rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, data)
            source.capture_frame(frame, timestamp_us=self._timestamp_us(number))
            number += 1
            self.sent = number

    def _timestamp_us(self, number: int) -> int:
        return int((self._began + number / self.fps) * 1e6)

    async def _feed_audio(self, source: rtc.AudioSource) -> None:
        chunk = int((time.monotonic() - self._began) * self._audio_rate) // CHUNK + 1
        while True:
            await self._until(chunk * CHUNK / self._audio_rate)
            sound = beep(chunk * CHUNK, CHUNK, AUDIO_RATE).tobytes()
            await source.capture_frame(rtc.AudioFrame(sound, AUDIO_RATE, 1, CHUNK))
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
    width: int = 320,
    height: int = 180,
    fps: int = 30,
) -> AsyncIterator[Publisher]:
    """Publishes in the room for as long as the context is open."""
    publisher = Publisher(width=width, height=height, fps=fps)
    await publisher.connect(server.url, server.token(room, identity, publish=True))
    try:
        publisher.start_clock()
        if audio:
            await publisher.publish_audio()
        if video is not None:
            await publisher.publish_video(video, simulcast=simulcast)
        yield publisher
    finally:
        await publisher.close()
