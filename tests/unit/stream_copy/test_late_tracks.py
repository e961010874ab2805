"""Tracks that are added to a file while it is written."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from tests.kit.encoded.files import firsts, read
from tests.kit.encoded.frames import camera, in_order, microphone, video_frames
from tests.unit.stream_copy.test_packet_muxer import _second


def _fill(muxer: PacketMuxer, frame: EncodedFrame) -> None:
    for number in range(1000):
        muxer.add_track(microphone(name=f"{number:0200d}"), frame)


def test_tracks_are_added_to_a_file_that_is_being_written(tmp_path: Path) -> None:
    packets, path = _second(), tmp_path / "file.mkv"
    video = [packet for packet in packets if packet.track.kind is TrackKind.VIDEO]
    audio = [packet for packet in packets if packet.track.kind is TrackKind.AUDIO]
    muxer = PacketMuxer(path, "matroska", firsts(audio), zero_ns=0, tags={"stream_id": "room"})
    for packet in audio[:10]:
        muxer.write(packet)
    muxer.add_track(video[0].track, video[0].frame)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="fit into one file"):
        _fill(muxer, audio[0].frame)
    assert len(muxer.tracks) > 20
    for packet in in_order(iter(audio[10:]), iter(video)):
        muxer.write(packet)
    muxer.close()
    first, second, *rest = read(path)
    assert (len(first.times_ms), len(second.times_ms)) == (len(audio), len(video))
    assert second.codec == "vp8"
    assert rest == [], "of those that were added and have no packets nothing is left"
    assert len(before) < path.stat().st_size


def _unreadable() -> list[EncodedFrame]:
    """Keyframes of which nobody can say what a decoder needs."""
    good = video_frames("h264", 1)[0]
    sps = good.data[: good.data.index(b"\0\0\0\1\x68")]
    many, large = 32 * sps + good.data, sps + bytes([1]) * 20_000 + good.data
    return [replace(good, data=data) for data in (many, large, b"\0\0\1\x65\x88\x84")]


@pytest.mark.parametrize("number", range(3))
def test_a_track_that_cant_be_described_costs_the_others_nothing(
    tmp_path: Path, number: int
) -> None:
    bad, path = _unreadable()[number], tmp_path / "file.mkv"
    packets = _second()
    tracks = {camera("h264", "mallory camera"): bad, **firsts(packets)}
    muxer = PacketMuxer(path, "matroska", tracks, zero_ns=0, tags={})
    with pytest.raises(ValueError, match="parameter sets"):
        muxer.add_track(camera("h264", "mallory camera"), bad)
    for packet in packets:
        muxer.write(packet)
    muxer.close()
    assert sum(len(each.times_ms) for each in read(path)) == len(packets)
    with pytest.raises(ValueError, match="parameter sets"):
        PacketMuxer(path, "matroska", {camera("h264", "mallory"): bad}, zero_ns=0, tags={})


def test_a_disk_that_is_full_at_the_header_keeps_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    monkeypatch.setattr(os, "pwrite", full)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            PacketMuxer(tmp_path / "a.mkv", "matroska", firsts(_second()), zero_ns=0, tags={})
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before
