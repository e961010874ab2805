"""Recordings have the colors that a browser shows live: eight bars, measured in Chromium.

No test looked at colors before: the numbered frames of the others are grey.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    rtcrtpsender,
)
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from playwright.async_api import Browser, Page

from orchestrator.encoding.pipeline.command import Pipelines, command
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.ffmpeg_environment import passed_on
from orchestrator.media import MAX_FRAME_PIXELS
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.colors import colors_of
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.timeline_items import AudioItem, VideoItem
from orchestrator.pipes.writer import SegmentWriter
from orchestrator.recordings.images.thumbnails import jpeg, thumbnail
from orchestrator.sources.aiortc.codecs import ADDED
from orchestrator.sources.aiortc.decoding.decoder import complete_colors, decoder_for
from orchestrator.sources.aiortc.video_frame import VideoFrame
from tests.kit.sources.packetizing import Packing

pytestmark = pytest.mark.real_time

Bars = list[tuple[int, int, int]]

FPS: Final = 15
WITHIN: Final = 6
BARS: Final = [
    (235, 128, 128),
    *((162, 44, 142), (131, 156, 44), (112, 72, 58)),
    *((84, 184, 198), (65, 100, 212), (60, 180, 120)),
    (16, 128, 128),
]
"""White, yellow, cyan, green, magenta, red, blue and black, in Y, Cb and Cr."""

_LIVE: Final = """
async (offer) => {
  const connection = window.connection = new RTCPeerConnection();
  const video = window.video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  connection.ontrack = ({track}) => { video.srcObject = new MediaStream([track]); video.play(); };
  await connection.setRemoteDescription(offer);
  await connection.setLocalDescription(await connection.createAnswer());
  await new Promise((done) => {
    const look = () => connection.iceGatheringState === 'complete' && done();
    connection.onicegatheringstatechange = look;
    look();
  });
  return {type: 'answer', sdp: connection.localDescription.sdp};
}
"""

_OPEN: Final = """
async ([data, type]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], {type}));
  const image = type.startsWith('image');
  const video = window.video = document.createElement(image ? 'img' : 'video');
  document.body.append(video);
  if (image) { video.src = url; return video.decode(); }
  video.muted = true;
  await new Promise((done, failed) => {
    video.onloadeddata = done;
    video.onerror = () => failed(video.error.message);
    video.src = url;
  });
  await new Promise((done) => { video.onseeked = done; video.currentTime = 0.5; });
}
"""

_READ: Final = """
async (least) => {
  const video = window.video, until = Date.now() + 20000;
  const ready = () => video.naturalWidth || (video.videoWidth >= least && video.readyState > 1);
  while (!ready() && Date.now() < until) await new Promise((next) => setTimeout(next, 20));
  const canvas = document.createElement('canvas');
  const width = canvas.width = video.naturalWidth || video.videoWidth;
  const height = canvas.height = video.naturalHeight || video.videoHeight;
  const drawing = canvas.getContext('2d', {willReadFrequently: true});
  drawing.drawImage(video, 0, 0);
  const row = drawing.getImageData(0, height >> 1, width, 1).data;
  video.remove();
  return [...Array(8).keys()].map((bar) => {
    const at = 4 * Math.floor((bar + 0.5) * width / 8);
    return [...row.slice(at, at + 3)];
  });
}
"""


ENCODERS: Final = {"VP8": "libvpx", "VP9": "libvpx-vp9", "AV1": "libsvtav1", "H264": "libx264"}


@dataclass(frozen=True)
class Sent:
    """What a publisher sends."""

    codec: str
    width: int
    height: int
    params: str = ""
    """Of x264: what the bitstream says of its colors."""

    def frames(self, count: int) -> list[bytes]:
        """Encoded; each second begins with a keyframe."""
        context = av.CodecContext.create(ENCODERS[self.codec], "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
        context.time_base, context.gop_size = Fraction(1, FPS), FPS
        context.thread_count, context.bit_rate = 1, 6_000_000
        x264 = ":".join(filter(None, (self.params, "repeat-headers=1")))
        vpx = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        context.options = {
            "VP8": vpx,
            "VP9": vpx,
            "AV1": {"preset": "12", "svtav1-params": "pred-struct=1:lookahead=0:rc=2"},
            "H264": {"preset": "ultrafast", "tune": "zerolatency", "x264-params": x264},
        }[self.codec]
        made = []
        for number in range(count):
            frame = bars(self.width, self.height)
            frame.pts = number
            made += [bytes(packet) for packet in context.encode(frame)]
        return made


def bars(width: int, height: int) -> av.VideoFrame:
    planes = []
    for plane, shrink in enumerate((1, 2, 2)):
        row = np.repeat(np.array([bar[plane] for bar in BARS], np.uint8), width // shrink // 8)
        planes.append(np.tile(row, height // shrink))
    flat = np.concatenate(planes).reshape(height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(flat, format="yuv420p")


class Track(MediaStreamTrack):
    """Sends encoded frames again and again."""

    kind = "video"

    def __init__(self, frames: Sequence[bytes]) -> None:
        super().__init__()
        self._frames, self._number = frames, 0

    async def recv(self) -> Any:
        await asyncio.sleep(1 / FPS)
        packet = av.Packet(self._frames[self._number % len(self._frames)])
        packet.pts, packet.time_base = self._number * 90_000 // FPS, Fraction(1, 90_000)
        self._number += 1
        return packet


async def live(page: Page, sent: Sent) -> Bars:
    """What the browser shows of the stream itself."""
    connection = RTCPeerConnection()
    connection.addTrack(Track(sent.frames(FPS)))
    known = RTCRtpSender.getCapabilities("video").codecs
    wanted = [codec for codec in known if codec.mimeType == f"video/{sent.codec}"]
    connection.getTransceivers()[0].setCodecPreferences(wanted)
    await connection.setLocalDescription(await connection.createOffer())
    offer = {"type": "offer", "sdp": connection.localDescription.sdp}
    answer = await page.evaluate(_LIVE, offer)
    # Its candidates are mDNS names; it finds ours, which is enough.
    lines = answer["sdp"].splitlines(keepends=True)
    answer["sdp"] = "".join(each for each in lines if not each.startswith("a=candidate"))
    await connection.setRemoteDescription(RTCSessionDescription(**answer))
    found = await page.evaluate(_READ, sent.width)
    await page.evaluate("() => window.connection.close()")
    await connection.close()
    return [tuple(bar) for bar in found]


async def shown(page: Page, data: bytes, mime_type: str) -> Bars:
    """What it shows of a file."""
    await page.evaluate(_OPEN, [base64.b64encode(data).decode(), mime_type])
    return [tuple(bar) for bar in await page.evaluate(_READ, 1)]


def received(sent: Sent, count: int) -> list[av.VideoFrame]:
    """The frames as the receiver's decoder gives them."""
    codec = RTCRtpCodecParameters(mimeType=f"video/{sent.codec}", clockRate=90_000, payloadType=96)
    decoder: Any = decoder_for(codec, MAX_FRAME_PIXELS)
    encoded = enumerate(sent.frames(count))
    frames: list[av.VideoFrame] = []
    for number, data in encoded:
        for frame in decoder.decode(VideoFrame(data, number * 6000)):
            complete_colors(codec.name, frame)
            assert isinstance(frame, av.VideoFrame)
            frames.append(frame)
    return frames


async def recorded(name: str, frames: Sequence[av.VideoFrame], folder: Path) -> tuple[Path, str]:
    """A segment of them, and its media type."""
    pipeline = Pipelines.load(None).get(name)
    output, fifo = folder / f"{name}{pipeline.segment_suffix}", Fifo(folder / f"{name}.nut")
    size, colors = CanvasSize(frames[0].width, frames[0].height), colors_of(frames[0])
    argv = command(
        pipeline,
        ffmpeg=await find_ffmpeg(None, pipeline.encoders),
        source=str(fifo.path),
        output=str(output),
        width=size.width,
        height=size.height,
        video_bitrate_bps=4_000_000,
        audio_bitrate_bps=64_000,
        fps=FPS,
        colors=colors,
    )
    queue, run = FrameQueue(2**30), Run(argv, folder / "log", environment=passed_on())
    writer = SegmentWriter(
        fifo, queue, size, open_timeout_s=10, on_first=lambda: None, fps=FPS, colors=colors
    )
    await run.start()
    writer.start()
    for number, frame in enumerate(frames):
        queue.put_nowait(VideoItem(number * 90_000 // FPS, frame))
        queue.put_nowait(AudioItem(number * 48_000 // FPS, 48_000 // FPS, None))
    queue.close()
    ending = await asyncio.wait_for(run.wait(), 60)
    assert ending.outcome == "finished", ending.stderr
    return output, pipeline.mime_type


def difference(one: Bars, other: Bars) -> int:
    pairs = zip(one, other, strict=True)
    return max(abs(a - b) for left, right in pairs for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(Sent("VP8", 640, 360), marks=pytest.mark.all_only),
        Sent("VP8", 1280, 720),
        pytest.param(Sent("VP9", 640, 360), marks=pytest.mark.all_only),
        pytest.param(Sent("AV1", 640, 360), marks=pytest.mark.all_only),
        pytest.param(Sent("H264", 1280, 720), marks=pytest.mark.all_only),
        Sent("H264", 640, 360, "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m"),
        pytest.param(
            Sent(
                "H264",
                1280,
                720,
                "fullrange=on:colorprim=bt709:transfer=iec61966-2-1:colormatrix=bt709",
            ),
            marks=pytest.mark.all_only,
        ),
    ],
    ids=["vp8-360", "vp8-720", "vp9", "av1", "h264-silent", "h264-bt601", "h264-full-range"],
)
async def test_a_recording_looks_as_the_stream_did(
    browser: Browser, tmp_path: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sent.codec in ADDED:
        monkeypatch.setattr(rtcrtpsender, "get_encoder", Packing)
    page = await browser.new_page()
    await page.goto("about:blank")
    wanted = await live(page, sent)
    assert wanted[0][0] - wanted[7][0] > 150, "the bars are shown"
    frames, found = received(sent, 20), {}
    found["preview"] = difference(await shown(page, jpeg(frames[-1]), "image/jpeg"), wanted)
    for name in ("av1", "av1-svt", "mp4", "webm"):
        file, mime_type = await recorded(name, frames, tmp_path)
        found[name] = difference(await shown(page, file.read_bytes(), mime_type), wanted)
        frame = await shown(page, thumbnail(file), "image/jpeg")
        found[f"{name} thumbnail"] = difference(frame, wanted)
    assert max(found.values()) <= WITHIN, found
