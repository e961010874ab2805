"""Recordings of pipeline `copy`: a track for each publication, gaps, other sizes in mid-stream."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.settings import Settings
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.result import TranscodingResult
from orchestrator.transcoding.transcode import check, transcode
from tests.kit.mediafiles.copied import CopiedAudio, CopiedFile, CopiedVideo, Frames, times
from tests.kit.mediafiles.numbered import shown
from tests.kit.signals.codes import luma_of, read_code
from tests.kit.signals.reading import read

pytestmark = pytest.mark.slow

Track = CopiedVideo | CopiedAudio

CAMERA = CopiedVideo("alice camera", [Frames(times(0, 2))])
MICROPHONE = CopiedAudio("alice microphone", 440, [(0, 2)])


async def encoded(
    source: Path, settings: Settings, pipeline: str = "mp4", **changes: object
) -> TranscodingResult:
    request = TranscodingRequest(source, pipeline=pipeline, crf=30, **changes)  # type: ignore[arg-type]
    return await transcode(request, settings)


def heard(path: Path) -> dict[int, list[tuple[float, float]]]:
    return {tone: spans for tone, spans in read(path).heard.items() if spans}


def about(*spans: tuple[float, float]) -> list[tuple[float, float]]:
    return [pytest.approx(span, abs=0.06) for span in spans]  # type: ignore[misc]


async def test_all_microphones_are_heard_each_at_its_time(
    tmp_path: Path, settings: Settings
) -> None:
    tracks: list[Track] = [
        CAMERA,
        CopiedAudio("alice microphone", 440, [(0.3, 2)]),
        CopiedAudio("bob microphone", 880, [(0.5, 1), (1.5, 4)], "pcm_mulaw"),
        CopiedAudio("carol microphone", 620, [(1, 1.5)], "g722"),
    ]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    result = await encoded(film, settings)
    assert result.audio == ("opus, pcm_mulaw, adpcm_g722 mixed, encoded as aac",)
    assert heard(result.output) == {
        440: about((0.3, 2)),
        880: about((0.5, 1), (1.5, 4)),
        620: about((1, 1.5)),
    }
    with av.open(str(result.output)) as made:
        (audio,) = made.streams.audio
        assert audio.layout.name == "stereo"
    assert read(result.output).audio_gaps == 0
    assert [number for _, number in shown(result.output)] == list(range(60))


async def test_loud_microphones_together_do_not_clip(tmp_path: Path, settings: Settings) -> None:
    loud = [
        CopiedAudio(f"{tone}", tone, [(0, 2)], "pcm_alaw", peak=30_000) for tone in (440, 620, 880)
    ]
    film = CopiedFile(tmp_path / "film.mkv", loud).write()
    result = await encoded(film, settings, "webm")
    assert set(heard(result.output)) == {440, 620, 880}
    with av.open(str(result.output)) as made:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in made.decode(audio=0)])
    # Three tones cut off at full scale would have much between them.
    spectrum = np.abs(np.fft.rfft(samples[24_000:72_000] * np.hanning(48_000)))
    tones = sum(float((spectrum[t - 12 : t + 13] ** 2).sum()) for t in (440, 620, 880))
    assert tones > 0.999 * float((spectrum**2).sum())
    assert np.abs(samples).max() <= 1.0


async def test_a_file_that_is_no_recording_keeps_its_tracks(
    tmp_path: Path, settings: Settings
) -> None:
    tracks: list[Track] = [CAMERA, MICROPHONE, CopiedAudio("commentary", 880, [(0, 2)])]
    film = CopiedFile(tmp_path / "film.mkv", tracks, tags={}).write()
    result = await encoded(film, settings)
    assert result.audio == ("opus copied", "opus copied")


@pytest.mark.parametrize("pipeline", ["mp4", pytest.param("webm", marks=pytest.mark.all_only)])
async def test_a_muted_microphone_is_silence(
    pipeline: str, tmp_path: Path, settings: Settings
) -> None:
    """Copied, players would go on at once after the gap, and be out of sync for good."""
    tracks: list[Track] = [CAMERA, CopiedAudio("alice microphone", 440, [(0.5, 1), (5, 5.5)])]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    result = await encoded(film, settings, pipeline)
    assert result.audio == (f"opus encoded as {'aac' if pipeline == 'mp4' else 'opus'}",)
    assert heard(result.output) == {440: about((0.5, 1), (5, 5.5))}
    assert read(result.output).audio_gaps == 0


async def test_a_muted_camera_leaves_its_last_frame(tmp_path: Path, settings: Settings) -> None:
    frames = [Frames(times(0, 1)), Frames(times(11, 12))]
    tracks: list[Track] = [
        CopiedVideo("alice camera", frames),
        CopiedAudio("alice microphone", 440, [(0, 12)], "pcm_mulaw"),
    ]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    result = await encoded(film, settings)
    assert shown(result.output) == shown(film)
    assert result.frames == 60


async def test_video_that_begins_late_and_ends_early(tmp_path: Path, settings: Settings) -> None:
    tracks: list[Track] = [
        CopiedVideo("alice camera", [Frames(times(2, 3))]),
        CopiedAudio("alice microphone", 440, [(0, 5)], "g722"),
    ]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    result = await encoded(film, settings)
    assert shown(result.output) == shown(film)
    assert heard(result.output) == {440: about((0, 5))}


async def test_audio_alone_is_mixed(tmp_path: Path, settings: Settings) -> None:
    tracks: list[Track] = [MICROPHONE, CopiedAudio("bob microphone", 880, [(1, 2)], "pcm_mulaw")]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    result = await encoded(film, settings)
    assert (result.frames, len(result.audio)) == (0, 1)
    assert heard(result.output) == {440: about((0, 2)), 880: about((1, 2))}


SIZES = [(320, 192), (640, 384), (160, 96), (192, 320)]


@pytest.mark.parametrize("codec", ["libvpx", pytest.param("libx264", marks=pytest.mark.all_only)])
async def test_frames_of_other_sizes_get_black_bars(
    codec: str, tmp_path: Path, settings: Settings
) -> None:
    frames = [Frames(times(n, n + 1), size) for n, size in enumerate(SIZES)]
    film = CopiedFile(tmp_path / "film.mkv", [CopiedVideo("a", frames, codec)]).write()
    result = await encoded(film, settings)
    with av.open(str(result.output)) as made:
        lumas = [luma_of(frame) for frame in made.decode(video=0)]
    assert {luma.shape for luma in lumas} == {(384, 640)}
    assert [read_code(luma) for luma in lumas[:90]] == list(range(90))
    # 192x320 is scaled to 230x384, with 205 columns of black at each side.
    upright = lumas[90:]
    assert [read_code(luma[:, 205:435]) for luma in upright] == list(range(90, 120))
    for luma in upright:
        assert max(luma[:, :200].max(), luma[:, 440:].max()) < 24


async def test_frames_of_other_sizes_keep_them_in_av1(tmp_path: Path, settings: Settings) -> None:
    frames = [Frames(times(n, n + 1), size) for n, size in enumerate(SIZES)]
    film = CopiedFile(tmp_path / "film.mkv", [CopiedVideo("a", frames)]).write()
    result = await encoded(film, settings, "av1-svt")
    with av.open(str(result.output)) as made:
        sizes = [(frame.width, frame.height) for frame in made.decode(video=0)]
    assert sizes == [size for size in SIZES for _ in range(30)]
    assert [number for _, number in shown(result.output)] == list(range(120))


async def test_two_frames_for_one_time_follow_each_other(
    tmp_path: Path, settings: Settings
) -> None:
    """Where another layer begins, its keyframe may have the time of the last frame before."""
    before = times(0, 1)
    frames = [Frames(before), Frames([before[-1], *times(1, 2)], (640, 384))]
    film = CopiedFile(tmp_path / "film.mkv", [CopiedVideo("a", frames)]).write()
    result = await encoded(film, settings)
    after = shown(result.output)
    assert [number for _, number in after] == list(range(61))
    assert after[30][0] - after[29][0] == Fraction(1, 1000)
    old = shown(film)
    assert all(abs(a - b) <= Fraction(1, 1000) for (a, _), (b, _) in zip(after, old, strict=True))


async def test_of_several_videos_the_default_one_is_encoded(
    tmp_path: Path, settings: Settings
) -> None:
    tracks: list[Track] = [
        CAMERA,
        CopiedVideo("bob camera", [Frames(times(0, 1))], first=1000, default=True),
        MICROPHONE,
    ]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    result = await encoded(film, settings)
    assert result.left_out == ("video vp8 (alice camera)",)
    assert [number for _, number in shown(result.output)] == list(range(1000, 1030))


async def test_a_file_with_several_videos_is_not_replaced(
    tmp_path: Path, settings: Settings
) -> None:
    tracks: list[Track] = [CAMERA, CopiedVideo("bob camera", [Frames(times(0, 1))], first=1000)]
    film = CopiedFile(tmp_path / "film.mkv", tracks).write()
    request = TranscodingRequest(film, pipeline="mp4", replace=True)
    with pytest.raises(InvalidRequest, match=r"it has 2 videos.*bob camera\) would be lost"):
        await check(request, settings)
    assert [each.name for each in tmp_path.iterdir()] == [film.name]
