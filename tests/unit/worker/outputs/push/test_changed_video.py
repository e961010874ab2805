"""What a copy's keyframes say of its video, in fragments as its worker writes them."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from orchestrator.fragments.reader import FragmentReader
from orchestrator.media import SECOND_NS, EncodedFrame, TrackKind
from orchestrator.pushing.media import PushedTrack
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from orchestrator.stream_copy.track import Packet, Track
from orchestrator.worker.outputs.push.piece_packets import OpenPiece
from orchestrator.worker.outputs.push.segment_follower import Piece
from tests.kit.signals.codes import second

FPS = 30
SMALL, LARGE = (320, 180), (640, 360)


def pieces(path: Path, codec: str, *sizes: tuple[int, int]) -> list[Piece]:
    """One second of each size, in one track."""
    track = Track("video", TrackKind.VIDEO, codec)
    frames = [
        EncodedFrame(codec, data, key, 0, *(size if key else (0, 0)))
        for number, size in enumerate(sizes)
        for data, key in second(codec, width=size[0], height=size[1], fps=FPS, first=number * FPS)
    ]
    muxer = PacketMuxer(path, "matroska", {track: frames[0]}, zero_ns=0, tags={})
    for number, frame in enumerate(frames):
        muxer.write(Packet(track, number * SECOND_NS // FPS, frame))
    muxer.close()
    reader = FragmentReader(path, "matroska")
    found = [(each, reader.read(each)) for each in reader.poll(last=True)]
    return [
        Piece(reader.header, data, "matroska", 0.0, each.begin_s, each.end_s, each.independent)
        for each, data in found
    ]


def video_of(piece: Piece) -> PushedTrack:
    found = OpenPiece(piece).media.video
    assert found is not None
    return found


@pytest.mark.parametrize("codec", ["h264", "h265", "vp8", "vp9"])
def test_a_keyframe_of_another_size_is_another_video(tmp_path: Path, codec: str) -> None:
    found = pieces(tmp_path / "sizes.mkv", codec, SMALL, LARGE, LARGE, SMALL)
    videos = [video_of(piece) for piece in found if piece.independent]
    assert [(each.width, each.height) for each in videos] == [SMALL, LARGE, LARGE, SMALL]
    assert videos[0] == videos[3] != videos[1] == videos[2]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_what_follows_is_decoded_by_the_header_made_of_it(tmp_path: Path, codec: str) -> None:
    _, large = pieces(tmp_path / "sizes.mkv", codec, SMALL, LARGE)
    opened = OpenPiece(large)
    sets = opened.video.codec_context.extradata
    assert sets != OpenPiece(pieces(tmp_path / "small.mkv", codec, SMALL)[0]).media.video
    decoder = av.CodecContext.create(opened.video.codec_context.name, "r")
    decoder.extradata = sets
    frames = [frame for packet in opened.packets() for frame in decoder.decode(packet)]
    frames += decoder.decode(None)
    assert len(frames) == FPS
    assert {(frame.width, frame.height) for frame in frames} == {LARGE}
    made = av.open(str(tmp_path / "made.mkv"), "w")
    made.add_stream_from_template(opened.video, opaque=True)
    made.start_encoding()
    made.close()
