"""Segments of copied frames become one file: all packets, each at its time."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import EncodingFailed, NotEnoughDisk
from orchestrator.media import SECOND_NS
from orchestrator.stream_copy.packet_join import join_packets
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from orchestrator.stream_copy.track import Packet, Track
from tests.kit.encoded.files import brightness, firsts, keys_ms, read, samples, times_ms, write
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    grey_of,
    in_order,
    microphone,
    video_frames,
    video_packets,
)

_BOB = microphone(name="bob microphone")


def _part(
    video: str, *, size: tuple[int, int] = (160, 120), who: Track | None = None
) -> list[Packet]:
    """Half a second of video and of audio, the audio 111 ms later."""
    return in_order(
        video_packets(camera(video), video_frames(video, 15, size=size)),
        audio_packets(who or microphone(), audio_frames("opus", 25), start_s=0.111),
    )


def _later(packets: list[Packet], by_s: float) -> list[Packet]:
    return [Packet(p.track, p.time_ns + round(by_s * SECOND_NS), p.frame) for p in packets]


@pytest.mark.parametrize(
    ("container", "video"),
    [
        ("matroska", "vp8"),
        ("webm", "vp8"),
        ("webm", "vp9"),
        ("matroska", "h264"),
        ("mp4", "h264"),
        ("mp4", "h265"),
        ("mp4", "av1"),
        ("webm", "av1"),
    ],
)
def test_every_packet_is_at_its_time(tmp_path: Path, container: str, video: str) -> None:
    """The second segment has another size and another microphone, and begins after a gap."""
    first, second = _part(video), _part(video, size=(320, 240), who=_BOB)
    write(tmp_path / "1.mkv", first)
    write(tmp_path / "2.mkv", second)
    output = tmp_path / "joined"
    segments = [(tmp_path / "1.mkv", 100.0), (tmp_path / "2.mkv", 102.25)]
    chapters = [(0.0, "Beginning"), (0.5, "After a pause of 2 s")]
    tags = {"title": "A call", "id": "7"}
    assert join_packets(segments, output, container, tags=tags, chapters=chapters, end_s=1.5)
    with av.open(str(output)) as file:
        marks = [(c["start"], c["time_base"], c["metadata"]["title"]) for c in file.chapters()]
    assert [(float(at * (base or 0)), title) for at, base, title in marks] == chapters
    whole = [*first, *_later(second, 2.25)]
    found = read(output)
    assert [each.name for each in found] == ["alice camera", "alice microphone", "bob microphone"]
    for each, track in zip(found, (camera(video), microphone(), _BOB), strict=True):
        assert each.times_ms == pytest.approx(times_ms(whole, track), abs=1)
    assert found[0].keys_ms == pytest.approx(keys_ms(whole, camera(video)), abs=1)
    shown = brightness(output)
    assert [value for _, value in shown] == pytest.approx([*map(grey_of, range(15))] * 2, abs=4)
    with av.open(str(output)) as file:
        assert [(one.width) for one in file.decode(video=0)] == [160] * 15 + [320] * 15
    with av.open(str(output)) as file:
        assert file.metadata["title"] == "A call"
        assert "7" in file.metadata.values()
        assert [bool(each.disposition & 1) for each in file.streams][:3] == [True, True, False]


def test_no_sample_of_opus_is_cut(tmp_path: Path) -> None:
    write(tmp_path / "1.mkv", _part("h264"))
    write(tmp_path / "2.mkv", _part("h264"))
    for container in ("matroska", "mp4"):
        output = tmp_path / "joined"
        join_packets(
            [(tmp_path / "1.mkv", 0.0), (tmp_path / "2.mkv", 1.0)], output, container, tags={}
        )
        heard = samples(output)
        assert [count for _, count in heard] == [960] * 50
        assert (heard[0][0], heard[25][0]) == (111, 1111)


def test_audio_kept_as_pcm_is_joined_too(tmp_path: Path) -> None:
    packets = [*audio_packets(microphone("pcmu"), audio_frames("pcmu", 10))]
    write(tmp_path / "1.mkv", packets)
    join_packets(
        [(tmp_path / "1.mkv", 0), (tmp_path / "1.mkv", 1.0)], tmp_path / "o", "matroska", tags={}
    )
    assert samples(tmp_path / "o") == [(at + n * 20, 160) for at in (0, 1000) for n in range(10)]


def test_audio_of_other_rates_is_a_track_of_its_own(tmp_path: Path) -> None:
    narrow = [*audio_packets(microphone("pcmu"), audio_frames("pcmu", 10))]
    wide = [*audio_packets(microphone("g722"), audio_frames("g722", 10), start_s=0.2)]
    write(tmp_path / "1.mkv", [*narrow, *wide])
    join_packets([(tmp_path / "1.mkv", 0)], tmp_path / "o", "matroska", tags={})
    with av.open(tmp_path / "o") as made:
        assert [each.codec_context.sample_rate for each in made.streams.audio] == [8000, 16_000]
    assert [each.times_ms for each in read(tmp_path / "o")] == [
        [*range(0, 200, 20)],
        [*range(200, 400, 20)],
    ]


def test_one_cut_segment_gets_an_index_and_a_length(tmp_path: Path) -> None:
    packets, path = _part("vp8"), tmp_path / "1.mkv"
    muxer = PacketMuxer(path, "matroska", firsts(packets), zero_ns=0, tags={})
    for packet in packets:
        muxer.write(packet)
    shutil.copy(path, tmp_path / "cut.mkv")
    muxer.close()
    with av.open(str(tmp_path / "cut.mkv")) as file:
        assert file.duration is None
    join_packets([(tmp_path / "cut.mkv", 5.0)], tmp_path / "o", "matroska", tags={})
    with av.open(str(tmp_path / "o")) as file:
        assert file.duration == 611_000
    data = (tmp_path / "o").read_bytes()
    assert 0 < data.index(_CUES) < data.index(_CLUSTER)


_CUES, _CLUSTER = bytes.fromhex("1C53BB6B"), bytes.fromhex("1F43B675")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cut=st.floats(0.15, 1.0), zeros=st.sampled_from([0, 1, 500, 5000]))
def test_what_a_power_cut_leaves_is_joined(tmp_path: Path, cut: float, zeros: int) -> None:
    """Anything may be missing at the end, or be zero; what stands before it stays as it was."""
    packets = _part("vp8")
    path, damaged = tmp_path / "1.mkv", tmp_path / "2.mkv"
    write(path, packets)
    data = path.read_bytes()
    begins = data.index(_CLUSTER)
    damaged.write_bytes(data[: begins + int((len(data) - begins) * cut)] + bytes(zeros))
    segments = [(path, 0.0), (damaged, 1.0), (path, 2.0)]
    assert join_packets(segments, tmp_path / "o", "matroska", tags={})
    whole, found = read(path), read(tmp_path / "o")
    for each, original in zip(found, whole, strict=True):
        count = len(original.times_ms)
        assert each.times_ms[:count] == original.times_ms
        assert each.times_ms[-count:] == [2000 + at for at in original.times_ms]
        middle = each.times_ms[count:-count]
        assert middle == [1000 + at for at in original.times_ms][: len(middle)]
        assert each.sizes[count:-count] == original.sizes[: len(middle)]


def test_frames_out_of_order_get_times_of_decoding(tmp_path: Path) -> None:
    options = (("bf", "2"), ("tune", "film"), ("x264-params", "b-adapt=0:scenecut=0"))
    frames = video_frames("h264", 12, keyframe_every=30, options=options)
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 11, 10]
    packets = [
        Packet(camera("h264"), round((1 + place / 30) * SECOND_NS), frame)
        for place, frame in zip(shown, frames, strict=True)
    ]
    write(tmp_path / "1.mkv", packets)
    output = tmp_path / "o"
    join_packets([(tmp_path / "1.mkv", 0.0), (tmp_path / "1.mkv", 5.0)], output, "mp4", tags={})
    whole = [*packets, *_later(packets, 5.0)]
    seen = brightness(output)
    assert [at for at, _ in seen] == pytest.approx(sorted(times_ms(whole, camera("h264"))), abs=1)
    assert [value for _, value in seen] == pytest.approx([*map(grey_of, range(12))] * 2, abs=4)
    with av.open(str(output)) as file:
        decoded = [packet.dts for packet in file.demux() if packet.dts is not None]
    assert decoded == sorted(set(decoded))


def test_a_track_without_a_packet_is_left_out(tmp_path: Path) -> None:
    """Its segment was cut before its first one came."""
    packets = _part("vp8")
    muxer = PacketMuxer(
        tmp_path / "1.mkv",
        "matroska",
        firsts([*packets, *_part("vp8", who=_BOB)]),
        zero_ns=0,
        tags={},
    )
    for packet in packets:
        muxer.write(packet)
    muxer.close()
    join_packets([(tmp_path / "1.mkv", 0.0)], tmp_path / "o", "webm", tags={})
    assert [each.name for each in read(tmp_path / "o")] == ["alice camera", "alice microphone"]


def test_a_segment_without_any_packet_is_named(tmp_path: Path) -> None:
    muxer = PacketMuxer(tmp_path / "1.mkv", "matroska", firsts(_part("vp8")), zero_ns=0, tags={})
    muxer.close()
    with pytest.raises(EncodingFailed, match=r"End of file: .*1\.mkv"):
        join_packets([(tmp_path / "1.mkv", 0.0)], tmp_path / "o", "webm", tags={})
    assert not (tmp_path / "o").exists()


def test_a_segment_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "1.mkv", _part("vp8"))
    (tmp_path / "2.mkv").write_bytes(b"\xff" * 4000)
    with pytest.raises(EncodingFailed, match=r"2\.mkv"):
        join_packets(
            [(tmp_path / "1.mkv", 0.0), (tmp_path / "2.mkv", 1.0)],
            tmp_path / "o",
            "matroska",
            tags={},
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.mkv", "2.mkv"]


def test_what_the_container_cannot_hold_fails(tmp_path: Path) -> None:
    write(tmp_path / "1.mkv", _part("vp8"))
    with pytest.raises(EncodingFailed, match="vp8"):
        join_packets([(tmp_path / "1.mkv", 0.0)], tmp_path / "o", "mp4", tags={})
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("container", ["matroska", "mp4"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_full_disk_is_told_as_such(tmp_path: Path, container: str, share: float) -> None:
    write(tmp_path / "1.mkv", _part("h264"))
    packets = [(tmp_path / "1.mkv", 0.0)]
    join_packets(packets, tmp_path / "o", container, tags={})
    size = (tmp_path / "o").stat().st_size
    with _largest_file(int(size * share)), pytest.raises(NotEnoughDisk, match="EFBIG"):
        join_packets(packets, tmp_path / "o", container, tags={})
    assert not (tmp_path / "o").exists()


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def test_it_tells_how_far_it_is_and_can_be_ended(tmp_path: Path) -> None:
    long = [
        Packet(microphone(), n * 20_000_000, audio_frames("opus", 40)[n % 40]) for n in range(3000)
    ]
    write(tmp_path / "1.mkv", long)
    shares: list[float] = []

    def go_on(share: float) -> bool:
        shares.append(share)
        return True

    assert join_packets([(tmp_path / "1.mkv", 0.0)], tmp_path / "o", "webm", tags={}, proceed=go_on)
    assert shares == sorted(shares)
    assert len(shares) > 5
    assert shares[-1] == 1.0
    for end_at in (0, 3, len(shares) - 1):
        answers = iter([True] * end_at + [False] * 99)
        assert not join_packets(
            [(tmp_path / "1.mkv", 0.0)],
            tmp_path / "o",
            "webm",
            tags={},
            proceed=lambda _, answers=answers: next(answers),  # type: ignore[misc]
        )
        assert not (tmp_path / "o").exists()


def test_segments_that_hold_nothing_whole_fail(tmp_path: Path) -> None:
    """Cut within their first frame: they open, and there is nothing in them."""
    write(tmp_path / "1.mkv", _part("vp8"))
    data = (tmp_path / "1.mkv").read_bytes()
    (tmp_path / "2.mkv").write_bytes(data[: data.index(_CLUSTER) + 60])
    with pytest.raises(EncodingFailed, match="no packets"):
        join_packets([(tmp_path / "2.mkv", 0.0)], tmp_path / "o", "webm", tags={})
    assert not (tmp_path / "o").exists()
