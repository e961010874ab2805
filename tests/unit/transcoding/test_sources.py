"""Files of all kinds: turned, cut by an edit list, with other sizes, colors, tracks, or damage."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from orchestrator.errors import SourceDamaged
from orchestrator.settings import Settings
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.result import TranscodingResult
from orchestrator.transcoding.transcode import transcode
from tests.kit.fakes import REAL
from tests.kit.mediafiles.numbered import NumberedFilm, even_times, shown
from tests.kit.signals.reading import read

pytestmark = pytest.mark.slow


async def encoded(
    source: Path, settings: Settings, pipeline: str = "mp4", crf: int = 25
) -> TranscodingResult:
    return await transcode(TranscodingRequest(source, pipeline=pipeline, crf=crf), settings)


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([REAL, "-loglevel", "error", "-y", *arguments], check=True, timeout=60)


def numbers(path: Path) -> list[int | None]:
    return [number for _, number in shown(path)]


async def test_a_turned_video_is_turned_for_good(tmp_path: Path, settings: Settings) -> None:
    flat = NumberedFilm(tmp_path / "flat.mp4", even_times(2.4)).write()
    film = tmp_path / "film.mp4"
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", film)
    result = await encoded(film, settings)
    with av.open(str(result.output)) as made:
        frame = next(made.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (192, 320, 0)
    with av.open(str(film)) as before:
        frame = next(before.decode(video=0))
        assert (frame.width, frame.height, abs(frame.rotation)) == (320, 192, 90)
    assert result.frames == 72


async def test_what_an_edit_list_hides_stays_hidden(tmp_path: Path, settings: Settings) -> None:
    whole = NumberedFilm(tmp_path / "whole.mp4", even_times(4)).write()
    film = tmp_path / "film.mp4"
    # Copied from the keyframe at 1 s on; an edit list hides what comes before 1.5 s.
    ffmpeg("-ss", "1.5", "-i", whole, "-c", "copy", film)
    result = await encoded(film, settings)
    before, after = shown(film), shown(result.output)
    assert [number for _, number in after] == [number for _, number in before]
    assert after[0][1] == 45
    assert [a for a, _ in after] == [a - before[0][0] for a, _ in before]
    old, new = read(film), read(result.output)
    assert new.offsets_s == pytest.approx(old.offsets_s, abs=0.001)


async def test_without_audio(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(1), audio=()).write()
    result = await encoded(film, settings)
    assert result.audio == ()
    assert numbers(result.output) == list(range(30))


async def test_all_audio_tracks_are_kept(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(
        tmp_path / "film.mkv",
        even_times(3),
        audio=("aac", "pcm_s16le", "libopus"),
        audio_from_s=0.48,
    ).write()
    result = await encoded(film, settings)
    assert result.audio == ("aac copied", "pcm_s16le encoded as aac", "opus copied")
    for track in range(3):
        alone, before = tmp_path / f"{track}.mkv", tmp_path / f"before{track}.mkv"
        for file, of in ((alone, result.output), (before, film)):
            ffmpeg("-i", of, "-map", "0:v", "-map", f"0:a:{track}", "-c", "copy", "-copyts", file)
        new, old = read(alone), read(before)
        assert len(new.offsets_s) == 2
        assert new.offsets_s == pytest.approx(old.offsets_s, abs=0.0015), track


async def test_audio_is_encoded_for_a_container_that_does_not_take_it(
    tmp_path: Path, settings: Settings
) -> None:
    film = NumberedFilm(tmp_path / "film.mp4", even_times(3), audio_from_s=0.3).write()
    result = await encoded(film, settings, "webm", crf=40)
    assert result.audio == ("aac encoded as opus",)
    old, new = read(film), read(result.output)
    assert new.offsets_s == pytest.approx(old.offsets_s, abs=0.001)
    assert new.audio_gaps == 0
    assert len(new.offsets_s) == 2


async def test_audio_alone(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(3), audio=("pcm_s16le",)).write()
    audio_only = tmp_path / "audio_only.wav"
    ffmpeg("-i", film, "-vn", audio_only)
    result = await encoded(audio_only, settings)
    assert (result.frames, result.chunks, result.vmaf) == (0, 0, None)
    assert result.audio == ("pcm_s16le encoded as aac",)
    assert read(result.output).beeps == pytest.approx(read(audio_only).beeps, abs=0.001)


async def test_frames_that_change_size(tmp_path: Path, settings: Settings) -> None:
    small = NumberedFilm(tmp_path / "a.ts", even_times(1), sizes=((320, 192),), audio=()).write()
    large = NumberedFilm(
        tmp_path / "b.ts",
        [at + 90_000 for at in even_times(1)],
        sizes=((480, 288),),
        audio=(),
    ).write()
    film, both = tmp_path / "film.mkv", tmp_path / "both.txt"
    both.write_text(f"file {small}\nfile {large}\n")
    ffmpeg("-f", "concat", "-safe", "0", "-i", both, "-c", "copy", film)
    fixed = await encoded(film, settings)
    with av.open(str(fixed.output)) as made:
        assert {(f.width, f.height) for f in made.decode(video=0)} == {(480, 288)}
    kept = await encoded(film, settings, "av1-svt", crf=40)
    with av.open(str(kept.output)) as made:
        sizes = [(f.width, f.height) for f in made.decode(video=0)]
    assert sizes == [(320, 192)] * 30 + [(480, 288)] * 30
    for result in (fixed, kept):
        assert numbers(result.output) == [*range(30), *range(30)]


async def test_frames_that_change_size_where_nothing_tells_it(
    tmp_path: Path, settings: Settings
) -> None:
    """Every frame of MJPEG is a keyframe; they aren't all looked at beforehand."""
    parts = [
        NumberedFilm(
            tmp_path / f"{size[0]}.mkv",
            even_times(1),
            "mjpeg",
            {},
            sizes=(size,),
            pixel_format="yuvj420p",
            audio=(),
        ).write()
        for size in ((320, 192), (480, 288))
    ]
    film, both = tmp_path / "film.mkv", tmp_path / "both.txt"
    both.write_text("".join(f"file {part}\n" for part in parts))
    ffmpeg("-f", "concat", "-safe", "0", "-i", both, "-c", "copy", film)
    result = await encoded(film, settings)
    with av.open(str(result.output)) as made:
        assert {(f.width, f.height) for f in made.decode(video=0)} == {(320, 192)}
    assert numbers(result.output) == [*range(30), *range(30)]


@pytest.mark.parametrize("pipeline", ["mp4", "av1-svt", "av1", "webm"])
async def test_colors_are_tagged_as_in_the_source(
    pipeline: str, tmp_path: Path, settings: Settings
) -> None:
    colors = {"color_range": 2, "color_primaries": 6, "color_trc": 6, "colorspace": 5}
    film = NumberedFilm(tmp_path / "film.mkv", even_times(1.2), colors=colors, audio=()).write()
    result = await encoded(film, settings, pipeline, crf=40)
    with av.open(str(film)) as before, av.open(str(result.output)) as after:
        old, new = next(before.decode(video=0)), next(after.decode(video=0))
    for name, value in colors.items():
        assert getattr(new, name) == getattr(old, name) == value, name


async def test_ten_bits_stay_ten_bits(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(
        tmp_path / "film.mkv", even_times(1.2), pixel_format="yuv420p10le", audio=()
    ).write()
    for pipeline, format in (("av1-svt", "yuv420p10le"), ("mp4", "yuv420p")):
        result = await encoded(film, settings, pipeline)
        with av.open(str(result.output)) as made:
            assert next(made.decode(video=0)).format.name == format
        assert numbers(result.output) == list(range(36))


async def test_times_that_begin_late_begin_at_zero(tmp_path: Path, settings: Settings) -> None:
    times = even_times(2.4, start=90_000 * 3600)
    film = NumberedFilm(tmp_path / "film.ts", times, audio_from_s=3600.1).write()
    result = await encoded(film, settings)
    after = shown(result.output)
    assert after[0][0] == 0
    assert [at for at, _ in after] == [Fraction(n, 30) for n in range(72)]
    old, new = read(film), read(result.output)
    assert new.offsets_s == pytest.approx(old.offsets_s, abs=0.001)


async def test_odd_sizes(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "flat.mkv", even_times(1), audio=()).write()
    odd = tmp_path / "odd.mkv"
    ffmpeg("-i", film, "-vf", "crop=319:191:exact=1,format=yuv444p", "-c:v", "ffv1", odd)
    result = await encoded(odd, settings)
    with av.open(str(result.output)) as made:
        frame = next(made.decode(video=0))
        assert (frame.width, frame.height) == (320, 192)
    assert numbers(result.output) == list(range(30))


async def test_pixels_that_are_not_square(tmp_path: Path, settings: Settings) -> None:
    square = NumberedFilm(tmp_path / "square.mkv", even_times(1.2), audio=()).write()
    film = tmp_path / "film.mkv"
    ffmpeg("-i", square, "-vf", "setsar=4/3", "-c:v", "libx264", film)
    for pipeline, aspect, width in (
        ("mp4", Fraction(4, 3), 320),
        ("av1-svt", Fraction(4, 3), 320),
        # WebM isn't told.
        ("webm", Fraction(1), 428),
    ):
        result = await encoded(film, settings, pipeline, crf=40)
        with av.open(str(result.output)) as made:
            video = made.streams.video[0]
            assert (video.sample_aspect_ratio, video.width) == (aspect, width)
        assert numbers(result.output) == list(range(36))


async def test_rgb_becomes_bt709(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "yuv.mkv", even_times(1), audio=()).write()
    rgb = tmp_path / "rgb.mkv"
    ffmpeg("-i", film, "-c:v", "libx264rgb", "-crf", "10", rgb)
    result = await encoded(rgb, settings)
    with av.open(str(result.output)) as made:
        frame = next(made.decode(video=0))
        assert (frame.colorspace, frame.color_range, frame.format.name) == (1, 1, "yuv420p")
    assert numbers(result.output) == list(range(30))


async def test_a_rate_that_varies_wildly(tmp_path: Path, settings: Settings) -> None:
    times = [0, 90, 180, 9000, 180_000, 180_090, 270_000]
    film = NumberedFilm(tmp_path / "film.webm", times, "libvpx-vp9", {}, audio=()).write()
    for pipeline in ("av1-svt", "mp4"):
        result = await encoded(film, settings, pipeline)
        after = shown(result.output)
        assert [number for _, number in after] == list(range(7))
        assert [float(at) for at, _ in after] == pytest.approx(
            [at / 90_000 for at in times], abs=0.0006
        )


# -- damage


async def test_a_damaged_frame_is_named(tmp_path: Path, settings: Settings) -> None:
    film = NumberedFilm(tmp_path / "film.mkv", even_times(3), audio=()).write()
    with av.open(str(film)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        bad = next(p for p in packets if p.pts and p.pts >= 1500 and p.is_keyframe)
        at, size = bad.pos or 0, bad.size
    data = bytearray(film.read_bytes())
    data[at + size // 2 : at + size] = b"\xa5" * (size - size // 2)
    film.write_bytes(bytes(data))
    with pytest.raises(SourceDamaged) as raised:
        await encoded(film, settings)
    assert "is damaged at 0:02.0" in str(raised.value)
    assert "left as it is" in raised.value.detail
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize("container", ["mkv", "mp4"])
async def test_a_file_that_was_cut_off(container: str, tmp_path: Path, settings: Settings) -> None:
    options = {"movflags": "faststart"} if container == "mp4" else {}
    film = NumberedFilm(
        tmp_path / f"film.{container}", even_times(6), container_options=options
    ).write()
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(SourceDamaged, match=r"is cut off|can't be read on"):
        await encoded(film, settings)
    assert [each.name for each in tmp_path.iterdir()] == [film.name]
