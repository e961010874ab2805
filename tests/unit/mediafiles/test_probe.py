"""Real files, whole and broken."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from orchestrator.mediafiles.probe import holds_media, probe
from tests.unit.encoding.test_repair import fragmented

pytestmark = pytest.mark.slow


def make(
    path: Path, container: str, video: str | None, audio: str | None, seconds: int = 3
) -> Path:
    """A file with that many seconds of 64x48 at 10 fps and of silence."""
    options = {"movflags": "faststart"} if container == "mp4" else {}
    with av.open(str(path), "w", format=container, options=options) as output:
        output.metadata["title"] = "Müll"
        video_stream = _video_stream(output, video) if video else None
        audio_stream = _audio_stream(output, audio) if audio else None
        for tenth in range(seconds * 10):
            if video_stream:
                output.mux(video_stream.encode(_video_frame(tenth)))
            if audio_stream:
                output.mux(audio_stream.encode(_audio_frame(tenth)))
        for stream in (video_stream, audio_stream):
            if stream:
                output.mux(stream.encode(None))
    return path


def _video_stream(output: OutputContainer, codec: str) -> VideoStream:
    stream = output.add_stream(codec, rate=10)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.gop_size = 10
    return stream


def _audio_stream(output: OutputContainer, codec: str) -> AudioStream:
    stream = output.add_stream(codec, rate=48_000)
    assert isinstance(stream, AudioStream)
    stream.layout = "stereo"
    return stream


def _video_frame(number: int) -> av.VideoFrame:
    noise = np.random.default_rng(number).integers(16, 235, (72, 64), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="yuv420p")
    frame.pts = number
    return frame


def _audio_frame(number: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), "s16", "stereo")
    frame.sample_rate = 48_000
    frame.pts = number * 4800
    return frame


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("probe") / "x.av1", "mp4", "libx264", "aac")


@pytest.mark.parametrize("count_frames", [False, True])
def test_mp4_called_av1(mp4: Path, count_frames: bool) -> None:
    found = probe(mp4, count_frames=count_frames)
    assert found.problem is None
    assert found.playable
    assert found.container is not None
    assert "mp4" in found.container
    assert found.size_bytes == mp4.stat().st_size
    assert found.duration_s == pytest.approx(3, abs=0.1)
    assert found.video is not None
    assert (found.video.codec, found.video.width, found.video.height) == ("h264", 64, 48)
    assert found.video.frames == 30
    assert found.video.average_fps == pytest.approx(10, abs=0.1)
    assert found.audio is not None
    assert (found.audio.codec, found.audio.sample_rate, found.audio.channels) == ("aac", 48_000, 2)
    assert found.audio.duration_s == pytest.approx(3, abs=0.1)
    assert found.tags["title"] == "Müll"


def test_webm(tmp_path: Path) -> None:
    path = make(tmp_path / "x.webm", "webm", "libvpx-vp9", "libopus")
    found = probe(path)
    assert found.playable
    assert found.container is not None
    assert "webm" in found.container
    assert found.video is not None
    assert (found.video.codec, found.video.frames) == ("vp9", None)
    assert found.audio is not None
    assert found.audio.codec == "opus"
    assert found.audio.duration_s == pytest.approx(3, abs=0.1)
    counted = probe(path, count_frames=True).video
    assert counted is not None
    assert counted.frames == 30


def test_audio_only_and_video_only(tmp_path: Path) -> None:
    audio = probe(make(tmp_path / "a.mp4", "mp4", None, "aac"), count_frames=True)
    assert (audio.playable, audio.video) == (True, None)
    assert audio.audio is not None
    video = probe(make(tmp_path / "v.mp4", "mp4", "libx264", None))
    assert (video.playable, video.audio) == (True, None)


def test_mp4_cut_short(mp4: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.av1"
    cut.write_bytes(mp4.read_bytes()[: mp4.stat().st_size // 2])
    found = probe(cut)
    assert not found.playable
    assert found.problem == "The file has no video that can be decoded at its end."
    assert found.duration_s == pytest.approx(3, abs=0.1)


def test_webm_cut_short_still_plays(tmp_path: Path) -> None:
    whole = make(tmp_path / "x.webm", "webm", "libvpx", "libopus")
    data = bytearray(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    # As a killed muxer leaves it: no duration (Matroska element 0x4489) in the header.
    at = data.index(b"\x44\x89")
    data[at : at + 2] = b"\xec\x89"  # Void, of the same length
    (tmp_path / "cut.webm").write_bytes(data)
    found = probe(tmp_path / "cut.webm")
    assert found.problem is None
    assert found.playable
    assert found.duration_s is not None
    assert 1.5 < found.duration_s < 2.5


def test_cut_anywhere_in_its_head_it_is_no_error_of_ours(tmp_path: Path) -> None:
    """A track is there before its codec is named."""
    path = tmp_path / "x.mp4"
    fragmented(path, seconds=1)
    whole, problems = path.read_bytes(), set()
    for end in range(0, whole.index(b"mdat") + 1000, 5):
        path.write_bytes(whole[:end])
        found = probe(path)
        assert found.playable == (found.problem is None)
        assert holds_media(path) == (found.video is not None)
        problems.add(holds_media(path))
    assert problems == {False, True}


def test_no_media(tmp_path: Path) -> None:
    path = tmp_path / "x.av1"
    assert probe(path).problem == "The file can't be read: No such file or directory."
    path.touch()
    assert probe(path).problem == "The file is empty."
    path.write_text("hello " * 1000)
    found = probe(path)
    assert found.problem is not None
    assert found.problem.startswith("The file is not a media file, or is incomplete:")
    assert (found.playable, found.container, found.size_bytes) == (False, None, 6000)


def test_mp4_without_frames(tmp_path: Path) -> None:
    assert not probe(make(tmp_path / "x.mp4", "mp4", "libx264", "aac", seconds=0)).playable


def test_damage_at_the_end(mp4: Path, tmp_path: Path) -> None:
    hurt = Path(shutil.copy(mp4, tmp_path / "hurt.av1"))
    size_bytes = hurt.stat().st_size
    with hurt.open("r+b") as file:
        file.seek(size_bytes * 6 // 10)
        file.write(b"\xff" * (size_bytes * 4 // 10))
    found = probe(hurt)
    assert not found.playable
    assert found.problem is not None


def test_a_long_file_costs_no_more(tmp_path: Path) -> None:
    path = make(tmp_path / "long.mp4", "mp4", "mpeg4", "aac", seconds=600)
    start_s = time.process_time()
    assert probe(path).playable
    spent_s = time.process_time() - start_s
    start_s = time.process_time()
    with av.open(str(path)) as container:
        frames = sum(1 for _ in container.decode(video=0, audio=0))
    assert frames > 6000
    assert spent_s < (time.process_time() - start_s) / 5
