"""Copies of VP9 and AV1, one layer and several, in each container: as players decode them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import pytest

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.server.manager import Manager
from orchestrator.sources.encoded_video import EncodedVideo
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from orchestrator.stream_copy.track import Packet, Track
from tests.kit.chromium import chromium, play
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import asked, decode_errors, tracks
from tests.kit.recordings.waits import FPS, until_received
from tests.kit.sources.packetizing import LAYERED, complete, layered, whole

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

SIZE: Final = (960, 540)
_ALL = pytest.mark.all_only

PLAYERS: Final = {"vp9": ("vp9", "libvpx-vp9"), "av1": ("libdav1d",)}
"""FFmpeg's own, which other players have too, and the one of browsers."""


@pytest.mark.parametrize(
    ("codec", "layers", "container"),
    [
        pytest.param("vp9", "L3T3_KEY", "mkv", marks=_ALL),
        pytest.param("vp9", "L3T3", "webm", marks=_ALL),
        pytest.param("vp9", "L1T3", "webm", marks=_ALL),
        pytest.param("av1", "L3T3_KEY", "mkv", marks=_ALL),
        pytest.param("av1", "L3T3", "webm", marks=_ALL),
        ("av1", "L1T3", "mp4"),
        pytest.param("av1", "L3T3", "mp4", marks=_ALL),
    ],
)
async def test_players_show_every_frame_in_its_full_size(
    manager: Manager, livekit_server: Server, codec: str, layers: str, container: str
) -> None:
    room, (width, height) = f"{codec} {layers} {container}", SIZE
    host = {"video": codec, "layers": layers, "width": width, "height": height}
    async with conference(livekit_server, room, **host):
        await manager.start(asked(room, container))
        await until_received(manager, room, 3 * FPS)
        ended = await manager.stop(room)
    path = Path(ended.output_path)
    assert (ended.state, ended.error, path.suffix) == ("completed", None, f".{container}")
    assert ended.video_codec == codec
    assert decode_errors(path) == []
    video = tracks(path)["video"]
    assert len(video.times_ms) == ended.figures["video"]["received"]
    assert video.times_ms[0] == video.keys_ms[0]
    for decoder in PLAYERS[codec]:
        assert shown(path, decoder) == [SIZE] * len(video.times_ms)


def shown(path: Path, decoder: str) -> list[tuple[int, int]]:
    """The sizes of the frames that a decoder shows of the file's video."""
    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    with av.open(str(path)) as file:
        context.extradata = file.streams.video[0].codec_context.extradata
        packets = [packet for packet in file.demux(video=0) if packet.size]
        frames = [frame for packet in packets for frame in context.decode(packet)]
    return [(frame.width, frame.height) for frame in frames + context.decode(None)]


@pytest.mark.all_only
@pytest.mark.parametrize("name", LAYERED)
async def test_a_browser_plays_frames_of_several_layers(tmp_path: Path, name: str) -> None:
    codec, video, path = name[:3], EncodedVideo(), tmp_path / "layers.webm"
    frames = [complete(codec, frame) for frame in whole(layered(name))]
    found = [frame for each in frames if (frame := video.take(codec, *each.parts))]
    track = Track("camera", TrackKind.VIDEO, codec)
    muxer = PacketMuxer(path, "webm", {track: found[0]}, zero_ns=0, tags={})
    for number, frame in enumerate(found):
        muxer.write(Packet(track, number * SECOND_NS // 10, frame))
    muxer.close()
    async with chromium() as browser:
        played = await play(browser, path, "video/webm")
    assert played.problems == []
    assert len(played.shown) > len(frames) // 2
    assert {(width, height) for _, width, height in played.shown} == {SIZE}
