"""Real files whose truth is known: each measured figure against it, with its tolerance."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import av
import pytest

from orchestrator.mediafiles.inspect.findings import findings
from orchestrator.mediafiles.inspect.read import inspect
from tests.kit.mediafiles.measured import FRAME_S, TICK_S, none, only, video_of
from tests.kit.mediafiles.synthetic import RATE, AudioTrack, Film, VideoTrack, times, tone


@pytest.mark.parametrize("decode", [True, False])
def test_a_steady_file(steady: Path, decode: bool) -> None:
    found = inspect(steady, decode=decode)
    (video,), (audio,) = found.video, found.audio
    assert found.error is None
    assert (found.path, found.size_bytes) == (str(steady), steady.stat().st_size)
    assert "mp4" in found.container
    assert (found.tags["title"], found.tags["stream_id"]) == ("Müll", "room 7")
    assert found.duration_s == pytest.approx(3, abs=0.03)
    assert found.measured_duration_s == pytest.approx(3, abs=0.03)
    assert found.bitrate_bps == pytest.approx(found.size_bytes * 8 / 3, rel=0.01)
    assert (video.header.codec, video.header.pixel_format) == ("h264", "yuv420p")
    assert (video.header.width, video.header.height) == (160, 96)
    assert video.header.average_fps == pytest.approx(30, abs=0.01)
    assert (video.start_s, video.end_s) == pytest.approx((0, 3), abs=1e-6)
    assert video.traffic.packets == 90
    assert video.key_frames.count == 3
    assert video.key_frames.interval_max_s == pytest.approx(1, abs=1e-6)
    assert (audio.header.codec, audio.header.profile) == ("aac", "LC")
    assert (audio.header.sample_rate, audio.header.channels) == (RATE, 1)
    # AAC ends with a packet that isn't full.
    assert (audio.start_s, audio.end_s) == pytest.approx((0, 3), abs=1024 / RATE)
    assert found.start_offset_s == 0
    assert found.end_offset_s == pytest.approx(0, abs=1024 / RATE)


@pytest.mark.parametrize("decode", [True, False])
def test_the_times_of_a_steady_file(steady: Path, decode: bool) -> None:
    shown = video_of(steady, decode=decode).times
    assert shown.mean_fps == pytest.approx(30, abs=1e-3)
    assert shown.median_fps == pytest.approx(30, abs=1e-3)
    for interval in (shown.interval_median_s, shown.interval_p95_s, shown.interval_max_s):
        assert interval == pytest.approx(FRAME_S, abs=1e-6)
    assert shown.jitter_s == pytest.approx(0, abs=1e-6)
    assert shown.gap_threshold_s == 0.25
    assert none(shown.gaps)
    assert none(shown.backward_times)
    assert (shown.duplicate_times, shown.missing_times) == (0, 0)


def test_what_decoding_adds(steady: Path) -> None:
    found = inspect(steady)
    (video,), (audio,) = found.video, found.audio
    assert video.decoding is not None
    assert audio.decoding is not None
    assert (video.decoding.frames, video.decoding.errors) == (90, 0)
    assert (video.decoding.corrupt_frames, audio.decoding.errors) == (0, 0)
    assert video.size_changes == 0
    assert none(video.still)
    assert none(video.black)
    assert audio.sound is not None
    assert audio.sound.samples == pytest.approx(3 * RATE, abs=1024)
    assert audio.sound.samples == audio.sound.samples_expected
    assert none(audio.sound.gaps)
    assert none(audio.sound.overlaps)
    assert none(audio.sound.silence)


def test_without_decoding_nothing_is_made_up(steady: Path) -> None:
    found = inspect(steady, decode=False)
    (video,), (audio,) = found.video, found.audio
    assert not found.decoded
    assert (video.decoding, audio.decoding, audio.sound) == (None, None, None)
    assert (video.still, video.black, video.size_changes, video.sizes) == (None, None, None, ())


@pytest.mark.parametrize(
    ("codec", "container", "audio"),
    [
        ("libx264", "mp4", "aac"),
        ("libsvtav1", "mp4", "aac"),
        ("libvpx-vp9", "webm", "libopus"),
        ("libvpx", "webm", "libopus"),
        ("libx264", "mpegts", "aac"),
    ],
)
@pytest.mark.parametrize("decode", [True, False])
def test_a_gap_in_video_and_audio(
    codec: str, container: str, audio: str, decode: bool, tmp_path: Path
) -> None:
    """1.5 s of frames, 2.1 s from one to the next, 1 s more; audio misses 0.4 s after 1 s."""
    resumed = times(1.5)[-1] + round(2.1 * 90_000)
    frames = VideoTrack([*times(1.5), *times(1, start=resumed)], codec)
    audio_track = AudioTrack([(0, tone(1)), (round(1.4 * RATE), tone(1))], audio)
    path = Film(tmp_path / "gap", container, frames, audio_track).write()
    found = inspect(path, decode=decode)
    (video,) = found.video
    at_s, lasts_s = only(video.times.gaps)
    start_s = video.start_s or 0.0
    assert at_s - start_s == pytest.approx(1.5 - FRAME_S, abs=2 * TICK_S)
    assert lasts_s == pytest.approx(2.1, abs=2 * TICK_S)
    assert video.times.interval_max_s == pytest.approx(2.1, abs=2 * TICK_S)
    assert video.times.mean_fps == pytest.approx(74 / (73 * FRAME_S + 2.1), rel=0.01)
    assert found.error is None
    if decode:
        (heard,) = found.audio
        assert heard.sound is not None
        at_s, lasts_s = only(heard.sound.gaps)
        # The encoders work in packets of 20 to 22 ms.
        assert at_s - (heard.start_s or 0.0) == pytest.approx(1, abs=0.03)
        assert lasts_s == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize(
    ("container", "video", "audio", "early_s"),
    [
        ("webm", "libvpx", "libopus", 0),
        ("nut", "libx264", "pcm_s16le", 0),
        # Here the file doesn't say that AAC begins with 1024 samples of nothing: they are audio.
        ("mp4", "libx264", "aac", 1024 / RATE),
        ("mpegts", "libx264", "aac", 1024 / RATE),
    ],
)
@pytest.mark.parametrize("decode", [True, False])
def test_audio_that_begins_100_ms_late(
    container: str, video: str, audio: str, early_s: float, decode: bool, tmp_path: Path
) -> None:
    frames, audio_track = VideoTrack(times(1), video), AudioTrack([(4800, tone(0.9))], audio)
    path = Film(tmp_path / "x", container, frames, audio_track).write()
    found = inspect(path, decode=decode)
    assert found.start_offset_s == pytest.approx(0.1 - early_s, abs=2 * TICK_S)


def test_only_audio_and_only_video(tmp_path: Path) -> None:
    audio = inspect(
        Film(tmp_path / "a.mp4", "mp4", audio=AudioTrack([(0, tone(1))], "aac")).write()
    )
    assert (audio.video, audio.start_offset_s, audio.end_offset_s) == ((), None, None)
    assert audio.measured_duration_s == pytest.approx(1, abs=1024 / RATE)
    frames = inspect(Film(tmp_path / "v.mp4", "mp4", VideoTrack(times(1))).write())
    assert (frames.audio, frames.start_offset_s) == ((), None)
    assert frames.measured_duration_s == pytest.approx(1, abs=1e-3)


def test_progress_goes_from_nothing_to_nearly_all(tmp_path: Path) -> None:
    path = Film(tmp_path / "x.mkv", "matroska", VideoTrack(times(20), key_every=30)).write()
    reported: list[float] = []
    inspect(path, decode=False, on_progress=reported.append)
    assert len(reported) == 6
    assert reported == sorted(reported)
    assert 0 <= reported[0] < 0.1
    assert 0.6 < reported[-1] <= 1


def test_a_cover_image_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "x.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        audio = output.add_stream("aac", rate=RATE)
        cover = output.add_stream("mjpeg", rate=1)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 160, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        video_frame = av.VideoFrame(160, 96, "yuvj420p")
        output.mux(cover.encode(video_frame))
        output.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(1).reshape(1, -1), "s16", "mono")
        frame.sample_rate = RATE
        assert isinstance(audio, av.AudioStream)
        output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
    found = inspect(path)
    assert found.video == ()
    assert [(other.kind, other.codec) for other in found.other] == [("video", "mjpeg")]


def test_the_report_is_plain_data(steady: Path) -> None:
    found = asdict(inspect(steady))
    assert found["schema_version"] == 1
    assert found["video"][0]["times"]["gaps"] == {"count": 0, "total_s": 0.0, "longest": ()}


def test_subtitles_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.srt"
    path.write_text(
        "1\n00:00:00,000 --> 00:00:01,000\nHello\n\n2\n00:00:02,000 --> 00:00:03,000\nYou\n"
    )
    found = inspect(path)
    (other,) = found.other
    assert (other.kind, other.codec, other.packets) == ("subtitle", "subrip", 2)
    assert (found.measured_duration_s, found.bitrate_bps) == (None, None)
    assert [one.text for one in findings(found)] == [
        "The file has no video.",
        "The file has no audio.",
    ]
