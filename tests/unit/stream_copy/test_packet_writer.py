"""Writes packets into files: what belongs into which, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.stream_copy import packet_writer
from orchestrator.stream_copy.packet_file import OpenedFile
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.stream_copy.packet_writer import PacketWriter
from orchestrator.stream_copy.track import Packet, Track
from tests.kit.fakes import until
from tests.unit.stream_copy.packets import CAMERA, MS, SCREEN, VOICE, heard, shot

BOB = Track("bob microphone", TrackKind.AUDIO, "opus")


@dataclass
class Kept:
    """A file in memory."""

    packets: list[Packet] = field(default_factory=list)
    closed: bool = False
    full_after: int = 1000
    written_bytes: int = 0
    tracks: frozenset[Track] = frozenset({CAMERA, VOICE})
    refuses_tracks: Exception | None = None

    def add_track(self, track: Track, first: EncodedFrame) -> None:
        if self.refuses_tracks is not None:
            raise self.refuses_tracks
        self.tracks |= {track}

    def write(self, packet: Packet) -> None:
        if len(self.packets) >= self.full_after:
            raise OSError(28, "No space left on device")
        if packet.frame.data == b"bad" or packet.track not in self.tracks:
            raise ValueError("bad")
        if packet.frame.data == b"worse":
            raise IndexError("worse")
        self.packets.append(packet)
        self.written_bytes += packet.size_bytes

    def close(self) -> None:
        self.closed = True

    def times(self, track: Track = CAMERA) -> list[int]:
        return [packet.time_ns // MS for packet in self.packets if packet.track == track]


@dataclass
class Bench:
    """A queue, and writers one after the other."""

    queue: PacketQueue = field(default_factory=PacketQueue)
    files: list[Kept] = field(default_factory=list)
    keyframes: list[EncodedFrame] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    tracks: frozenset[Track] = frozenset({CAMERA, VOICE})
    may_add: bool = False
    refuses_tracks: Exception | None = None

    def put(self, *packets: Packet) -> None:
        for packet in packets:
            assert self.queue.put_nowait(packet)

    def writer(self, *, needs_keyframe: bool = True, full_after: int = 1000) -> PacketWriter:
        file = Kept([], False, full_after, 0, self.tracks, self.refuses_tracks)
        self.files.append(file)
        writer = PacketWriter(
            "0001",
            self.queue,
            lambda packet: OpenedFile(file, packet.time_ns),
            may_add=lambda track, tracks: self.may_add,
            needs_keyframe=needs_keyframe,
            on_first=lambda: self.events.append("first"),
            on_keyframe=self.keyframes.append,
            on_end=lambda: self.events.append("end"),
        )
        writer.start()
        return writer

    def rest(self) -> list[Packet]:
        return list(iter(lambda: self.queue.get(0), None))


def joined(writer: PacketWriter) -> PacketWriter:
    assert writer.join(10)
    return writer


def written(bench: Bench, count: int) -> Callable[[], bool]:
    return lambda: len(bench.files[-1].packets) >= count


def frames(times: Iterable[int], key: int | None = None) -> list[Packet]:
    return [shot(ms, key=ms == key) for ms in times]


def test_all_that_is_in_the_queue_is_written() -> None:
    bench = Bench()
    bench.put(shot(0, key=True), heard(0), shot(33), heard(20))
    bench.queue.close()
    writer = joined(bench.writer())
    (file,) = bench.files
    assert (file.times(), file.times(VOICE), file.closed) == ([0, 33], [0, 20], True)
    assert bench.events == ["first", "end"]
    assert bench.keyframes == [file.packets[0].frame]
    counts = writer.statistics()
    assert (counts.video_frames, counts.audio_ns, counts.ends_ns) == (2, 40 * MS, 40 * MS)


def test_a_file_begins_with_a_keyframe() -> None:
    bench = Bench()
    bench.put(shot(0), heard(5), shot(33), shot(66, key=True), shot(99))
    bench.queue.close()
    writer = joined(bench.writer())
    assert bench.files[0].times() == [66, 99]
    assert writer.statistics().undecodable == 2
    goes_on = Bench()
    goes_on.put(shot(33), shot(66))
    goes_on.queue.close()
    joined(goes_on.writer(needs_keyframe=False))
    assert goes_on.files[0].times() == [33, 66], "the file before has what they need"


async def test_a_cut_at_a_keyframe_divides_audio_at_the_same_moment() -> None:
    bench = Bench()
    bench.put(shot(0, key=True), heard(0))
    writer = bench.writer()
    await until(written(bench, 2))
    writer.cut(at_keyframe=True)
    bench.put(heard(20), shot(33), heard(40), shot(66, key=True), heard(60), heard(80), shot(99))
    joined(writer)
    assert bench.files[0].times() == [0, 33]
    assert bench.files[0].times(VOICE)[:3] == [0, 20, 40]
    rest = bench.rest()
    assert all(packet.time_ns >= 66 * MS or packet.track == VOICE for packet in rest)
    assert rest[0] == shot(66, key=True)
    everything = bench.files[0].times(VOICE) + [
        packet.time_ns // MS for packet in rest if packet.track == VOICE
    ]
    assert everything == [0, 20, 40, 60, 80]


async def test_each_video_is_cut_at_a_keyframe_of_its_own() -> None:
    bench = Bench(tracks=frozenset({CAMERA, SCREEN, VOICE}))
    bench.put(shot(0, key=True), shot(1, key=True, track=SCREEN))
    writer = bench.writer()
    await until(written(bench, 2))
    writer.cut(at_keyframe=True)
    bench.put(shot(33, key=True), shot(40, track=SCREEN), heard(50), shot(66))
    bench.put(shot(80, track=SCREEN, key=True))
    joined(writer)
    assert bench.files[0].times(SCREEN) == [1, 40]
    assert bench.files[0].times() == [0]
    rest = bench.rest()
    assert [(p.track, p.time_ns // MS) for p in rest] == [
        (CAMERA, 33), (VOICE, 50), (CAMERA, 66), (SCREEN, 80),
    ]  # fmt: skip


async def test_a_cut_without_keyframes_is_made_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packet_writer, "CUT_WAIT_S", 0.3)
    bench = Bench()
    bench.put(shot(0, key=True), heard(0))
    writer = bench.writer()
    await until(written(bench, 2))
    writer.cut(at_keyframe=True)
    bench.put(shot(33), heard(20))
    joined(writer)
    assert bench.files[0].times() == [0, 33]


async def test_another_track_waits_for_a_file_of_its_own() -> None:
    bench = Bench()
    bench.put(shot(0, key=True), heard(10, BOB), shot(33))
    writer = bench.writer()
    await until(lambda: writer.blocked_by is not None)
    writer.cut(at_keyframe=False)
    joined(writer)
    assert bench.files[0].times() == [0]
    assert bench.rest() == [heard(10, BOB), shot(33)]


def test_another_track_is_added_if_it_may_be() -> None:
    bench = Bench(may_add=True)
    bench.put(shot(0, key=True), heard(10, BOB), shot(33))
    bench.queue.close()
    joined(bench.writer())
    assert bench.files[0].times(BOB) == [10]
    assert bench.files[0].times() == [0, 33]


async def test_another_track_ends_a_cut_that_waits_for_a_keyframe() -> None:
    """The video goes on in another codec: no keyframe of the old one comes any more."""
    other = Track("video", TrackKind.VIDEO, "h264")
    bench = Bench()
    bench.put(shot(0, key=True), heard(0))
    writer = bench.writer()
    await until(written(bench, 2))
    writer.cut(at_keyframe=True)
    bench.put(heard(20), shot(33, key=True, track=other), heard(40))
    joined(writer)
    assert bench.files[0].times(VOICE)[-1] <= 20
    assert shot(33, key=True, track=other) in bench.rest()


def test_a_full_disk_ends_it_and_the_packet_is_kept() -> None:
    bench = Bench()
    bench.put(*frames(range(0, 100, 33), key=0))
    writer = joined(bench.writer(full_after=2))
    assert isinstance(writer.problem, OSError)
    assert [packet.time_ns // MS for packet in bench.rest()] == [66, 99]


def test_a_packet_that_cannot_be_written_is_counted() -> None:
    bench = Bench()
    bad = Packet(CAMERA, 33 * MS, EncodedFrame("vp8", b"bad", keyframe=False))
    bench.put(shot(0, key=True), bad, shot(66))
    bench.queue.close()
    writer = joined(bench.writer())
    assert bench.files[0].times() == [0, 66]
    assert (writer.problem, writer.statistics().refused) == (None, 1)


def test_what_stands_before_the_file_is_left_out() -> None:
    bench = Bench()
    bench.put(shot(100, key=True), heard(90), heard(110))
    bench.queue.close()
    writer = joined(bench.writer())
    assert bench.files[0].times(VOICE) == [110]
    assert writer.statistics().late == 1


def test_it_finishes_with_what_waits_and_aborts_without() -> None:
    bench = Bench()
    writer = bench.writer()
    bench.put(shot(0, key=True))
    writer.finish()
    joined(writer)
    assert bench.files[0].times() == [0]
    aborted = bench.writer()
    aborted.abort()
    joined(aborted)
    assert not aborted.alive


def test_previews_are_of_the_first_video_of_which_frames_come() -> None:
    bench = Bench(tracks=frozenset({CAMERA, SCREEN}))
    bench.put(
        shot(0, key=True),
        shot(10, key=True, track=SCREEN),
        shot(20, key=True),
        shot(5_000, key=True, track=SCREEN),
    )
    writer = bench.writer()
    writer.finish()
    assert writer.join(5)
    kept = [packet.frame for packet in bench.files[0].packets]
    assert bench.keyframes == [kept[0], kept[2], kept[3]], "the camera is gone by then"
