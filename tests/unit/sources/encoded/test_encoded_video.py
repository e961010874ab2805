"""What goes on can be decoded: real encoders' frames, and LiveKit's own."""

from __future__ import annotations

import random
from collections.abc import Sequence

import av
import pytest

from orchestrator.media import EncodedFrame
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.bitstreams.av1_units import obus
from orchestrator.sources.bitstreams.parameter_sets import (
    LARGEST,
    MOST_UNITS,
    FrameKind,
    ParameterSets,
)
from orchestrator.sources.encoded_video import EncodedVideo
from tests.kit.signals import codes
from tests.kit.sources.encoded import codes_of
from tests.kit.sources.packetizing import LAYERED, complete, layered, whole

SIZE = {"width": 160, "height": 90}
FPS = 10
CODECS = ("vp8", "vp9", "av1", "h264", "h265")

BLANK = {
    "vp8": bytes.fromhex("1002009d012a080008000047088585888584880202000c0d6000feffab5080"),
    "h264": bytes.fromhex(
        "000000016742c01f0fd91f88888400000300040000030 0c83c60c920".replace(" ", "")
        + "000000016887cb83cb20"
        + "00000001658884 0af2628000a7be".replace(" ", "")
    ),
}
"""As getVP8BlankFrame and getH264BlankFrame make them (livekit-server, pkg/sfu/downtrack.go)."""


@pytest.fixture(scope="module")
def streams() -> dict[str, list[bytes]]:
    """Three seconds of each codec; each second begins with a keyframe."""
    return {
        codec: [data for data, _ in codes.encoded(codec, fps=FPS, seconds=3, **SIZE)]
        for codec in CODECS
    }


def through(codec: str, frames: Sequence[bytes], video: EncodedVideo | None = None) -> list[int]:
    """Which of them go on."""
    video = video or EncodedVideo()
    return [n for n, data in enumerate(frames) if video.take(codec, data) is not None]


def nals(data: bytes) -> list[bytes]:
    return [each for each in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if each]


def joined(units: Sequence[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + each for each in units)


@pytest.mark.parametrize("codec", CODECS)
def test_frames_go_on_as_they_are_with_what_is_known_of_them(
    codec: str, streams: dict[str, list[bytes]]
) -> None:
    video, found = EncodedVideo(), list[EncodedFrame]()
    for data in streams[codec]:
        frame = video.take(codec, data)
        assert frame is not None
        found.append(frame)
    assert [frame.data for frame in found] == streams[codec]
    assert [n for n, frame in enumerate(found) if frame.keyframe] == [0, FPS, 2 * FPS]
    assert {(f.width, f.height) for f in found if f.keyframe} == {(160, 90)}
    assert {(f.width, f.height) for f in found if not f.keyframe} == {(0, 0)}
    assert {(f.codec, f.duration_ns) for f in found} == {(codec, 0)}
    assert codes_of(found) == list(range(3 * FPS))
    assert video.left_out == 0


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_goes_on_before_a_keyframe(codec: str, streams: dict[str, list[bytes]]) -> None:
    video = EncodedVideo()
    assert through(codec, streams[codec][3:], video) == list(range(FPS - 3, 3 * FPS - 3))
    assert video.left_out == FPS - 3


@pytest.mark.parametrize("codec", CODECS)
def test_after_a_loss_it_goes_on_with_a_keyframe(
    codec: str, streams: dict[str, list[bytes]]
) -> None:
    video = EncodedVideo()
    assert through(codec, streams[codec][:5], video) == list(range(5))
    video.interrupt()
    assert through(codec, streams[codec][6:15], video) == list(range(FPS - 6, 9))
    assert video.left_out == FPS - 6


@pytest.mark.parametrize("codec", CODECS)
def test_a_frame_without_its_end_goes_on_as_little_as_those_that_need_it(
    codec: str, streams: dict[str, list[bytes]]
) -> None:
    video, frames = EncodedVideo(), streams[codec]
    assert through(codec, frames[:5], video) == list(range(5))
    assert video.take(codec, frames[5][:-10], cut=True) is None
    assert video.take(codec, frames[6]) is None
    assert video.take(codec, frames[FPS][:-10], cut=True) is None, "a keyframe, too"
    assert through(codec, frames[FPS + 1 :], video) == list(range(FPS - 1, 2 * FPS - 1))
    assert video.left_out == 3 + FPS - 1


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_blank_keyframe_and_what_needs_it_stays_behind(
    codec: str, streams: dict[str, list[bytes]]
) -> None:
    video, frames = EncodedVideo(), streams[codec]
    sent = [*frames[:4], BLANK[codec], BLANK[codec], *frames[4:6], *frames[FPS : FPS + 3]]
    assert through(codec, sent, video) == [0, 1, 2, 3, 8, 9, 10]
    assert video.left_out == 2, "the blank ones were never published"


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_half_frame_that_the_server_ended_with_a_blank_one_stays_behind(
    codec: str, streams: dict[str, list[bytes]]
) -> None:
    video, frames = EncodedVideo(), streams[codec]
    assert through(codec, frames[:4], video) == [0, 1, 2, 3]
    half = frames[4][: len(frames[4]) // 2]
    assert video.take(codec, half + BLANK[codec]) is None
    assert video.take(codec, frames[0][:-20] + BLANK[codec]) is None
    assert video.take(codec, frames[5]) is None
    assert through(codec, frames[FPS:], video) == list(range(2 * FPS))


def test_h264_keyframes_get_the_parameter_sets_that_came_once(
    streams: dict[str, list[bytes]],
) -> None:
    first, *_ = streams["h264"]
    sets = [nal for nal in nals(first) if nal[0] & 0x1F in (7, 8)]
    bare = joined([nal for nal in nals(streams["h264"][FPS]) if nal[0] & 0x1F not in (7, 8)])
    video = EncodedVideo()
    assert video.take("h264", bare) is None, "nothing is known that it needs"
    assert video.left_out == 1
    assert video.take("h264", joined(sets)) is None, "no frame"
    assert video.left_out == 1
    frame = video.take("h264", bare)
    assert frame is not None
    assert (frame.keyframe, frame.width, frame.height) == (True, 160, 90)
    assert nals(frame.data)[: len(sets)] == sorted(sets, key=lambda nal: nal[0] & 0x1F)
    assert codes_of([frame]) == [FPS]


def test_they_stand_behind_a_delimiter() -> None:
    sets, found = ParameterSets(), []
    units = [bytes.fromhex(each) for each in ("6742c01fda", "68ce3c80", "0910", "658880")]
    sps, pps, delimiter, idr = units
    found.append(sets.take(joined([delimiter, sps, pps, idr])))
    found.append(sets.take(joined([delimiter, idr])))
    found.append(sets.take(joined([delimiter, pps, idr])))
    assert [kind for kind, _ in found] == [FrameKind.KEYFRAME] * 3
    assert nals(found[1][1]) == [delimiter, sps, pps, idr]
    assert nals(found[2][1]) == [delimiter, sps, pps, pps, idr]


def test_the_latest_of_each_id_counts_and_large_ones_are_not_kept() -> None:
    sets = ParameterSets()
    sps, pps, idr = (bytes.fromhex(each) for each in ("6742c01fda", "68ce3c80", "658880"))
    newer = bytes.fromhex("6742c028da")
    second_pps = bytes.fromhex("684e3c80")
    sets.take(joined([sps, pps, second_pps]))
    sets.take(joined([newer, bytes([0x68]) + b"\xff" * LARGEST]))
    _, data = sets.take(joined([idr]))
    assert nals(data) == [newer, pps, second_pps, idr]


def test_a_frame_with_parameter_sets_that_is_no_idr_is_no_keyframe() -> None:
    sets = ParameterSets()
    units = [bytes.fromhex(each) for each in ("6742c01fda", "68ce3c80", "0605", "419a80")]
    assert sets.take(joined(units))[0] is FrameKind.DELTA


@pytest.mark.parametrize("codec", CODECS)
def test_what_nobody_encoded_breaks_nothing(codec: str) -> None:
    chance, video = random.Random(7), EncodedVideo()
    for _ in range(3000):
        data = chance.randbytes(chance.randrange(1, 60))
        if codec == "h264":
            data = data.replace(b"\x07", b"\0\0\1\x67").replace(b"\x08", b"\0\0\1\x68")
            data += bytes([0, 0, 1, chance.choice((0x65, 0x41, 0x67, 0x68, 9))])
        if codec == "vp9":
            data = chance.choice((b"\x82\x49\x83\x42", b"\x86")) + data
        frame = video.take(codec, *chance.randrange(1, 4) * [data])
        assert frame is None or frame.width or not frame.keyframe


def test_another_codec_in_the_same_stream_begins_with_a_keyframe(
    streams: dict[str, list[bytes]],
) -> None:
    video = EncodedVideo()
    assert through("vp8", streams["vp8"][:2], video) == [0, 1]
    assert through("h264", streams["h264"][1 : FPS + 2], video) == [FPS - 1, FPS]
    assert through("vp8", streams["vp8"][2:4], video) == []


def test_a_keyframe_with_more_parameter_sets_than_there_can_be_stays_behind(
    streams: dict[str, list[bytes]],
) -> None:
    sps, *_ = nals(streams["h264"][0])
    video = EncodedVideo()
    assert through("h264", [joined([sps] * 40) + streams["h264"][0]], video) == []
    assert video.left_out == 1


def test_so_many_units_are_read_and_a_frame_of_more_is_none() -> None:
    units = [bytes.fromhex("6742c01fda"), bytes.fromhex("68ce3c80")]
    few = joined([*units, *[b"\x06\5"] * (MOST_UNITS - 3), b"\x65\x88"])
    assert ParameterSets().take(few)[0] is FrameKind.KEYFRAME
    many = joined([*units, *[b"\x06\5"] * MOST_UNITS, b"\x65\x88"])
    assert ParameterSets().take(many)[0] is FrameKind.NO_SETS


def test_h265_keyframes_get_the_parameter_sets_that_came_once(
    streams: dict[str, list[bytes]],
) -> None:
    first, *_ = streams["h265"]
    sets = [nal for nal in nals(first) if nal[0] >> 1 in (32, 33, 34)]
    assert len(sets) == 3
    bare = joined([nal for nal in nals(streams["h265"][FPS]) if nal not in sets])
    video = EncodedVideo()
    assert video.take("h265", bare) is None, "nothing is known that it needs"
    assert video.take("h265", joined(sets)) is None, "no frame"
    frame = video.take("h265", bare)
    assert frame is not None
    assert (frame.keyframe, frame.width, frame.height) == (True, 160, 90)
    assert nals(frame.data)[: len(sets)] == sets
    assert codes_of([frame]) == [FPS]
    assert video.left_out == 1


def test_av1_keyframes_get_the_sequence_header_that_came_once(
    streams: dict[str, list[bytes]],
) -> None:
    header = next(whole for kind, _, whole in obus(streams["av1"][0]) if kind == 1)
    bare = streams["av1"][FPS].replace(header, b"")
    video = EncodedVideo()
    assert video.take("av1", bare) is None, "nothing is known that it needs"
    assert video.take("av1", header) is None, "no frame"
    frame = video.take("av1", bare)
    assert frame is not None
    assert (frame.keyframe, frame.width, frame.height) == (True, 160, 90)
    assert frame.data == header + bare
    assert codes_of([frame]) == [FPS]
    assert video.left_out == 1


@pytest.mark.parametrize("name", LAYERED)
def test_a_frame_of_several_layers_is_one_that_every_decoder_shows_once(name: str) -> None:
    """FFmpeg's decoder of VP9 took the lowest layer for the frame, without an error."""
    codec, video = name[:3], EncodedVideo()
    frames = [complete(codec, frame) for frame in whole(layered(name))]
    found = [video.take(codec, *frame.parts) for frame in frames]
    assert [frame.keyframe for frame in found if frame] == [True] + [False] * (len(found) - 1)
    assert found[0] is not None
    assert (found[0].width, found[0].height) == (960, 540)
    wanted = [decoded[-1] for decoded in by_layers(name, frames)]
    for decoder in {"vp9": ("vp9", "libvpx-vp9"), "av1": ("libdav1d",)}[codec]:
        context = av.CodecContext.create(decoder, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1
        shown = [context.decode(av.Packet(frame.data)) for frame in found if frame]
        assert [len(each) for each in shown] == [1] * len(frames)
        for (one,), other in zip(shown, wanted, strict=True):
            assert (one.to_ndarray() == other.to_ndarray()).all()


def by_layers(name: str, frames: Sequence[VideoFrame]) -> list[list[av.VideoFrame]]:
    """Each layer decoded by itself."""
    context = av.CodecContext.create("libvpx-vp9" if "vp9" in name else "libdav1d", "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    context.options = {} if "vp9" in name else {"alllayers": "1"}
    shown = [[context.decode(av.Packet(part)) for part in frame.parts] for frame in frames]
    return [[frame for part in parts for frame in part] for parts in shown]
