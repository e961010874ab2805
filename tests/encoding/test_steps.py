"""A recording may change its speed step on the way: what all its steps make is one good file."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import pytest

from orchestrator.encoding.calibration import cpu_seconds, measure
from orchestrator.encoding.capabilities import find_ffmpeg
from orchestrator.encoding.film import FPS, Film
from orchestrator.encoding.join import join
from orchestrator.encoding.pipeline import Presets, command
from orchestrator.encoding.seam import Part
from orchestrator.errors import Unavailable
from tests.encoding.fakes import REAL, picture_times, program

FILM = Film(960, 540, 15)
"""The smallest at which every step of every preset is its own."""

PRESETS = Presets.load(None)
MP4 = PRESETS.get("mp4")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.nut"
    FILM.write(path)
    return path


def headers(path: Path) -> bytes | None:
    """What a decoder needs before the first picture: SPS and PPS, or the sequence header."""
    with av.open(str(path)) as file:
        return file.streams.video[0].codec_context.extradata


@pytest.mark.parametrize("name", ["av1", "av1-svt", "mp4", "webm"])
async def test_all_steps_make_one_file(tmp_path: Path, film: Path, name: str) -> None:
    preset = PRESETS.get(name)
    ffmpeg = await find_ffmpeg(None, preset.encoders)
    (tmp_path / "film.nut").symlink_to(film)
    parts = []
    for step, _ in enumerate(preset.speeds):
        cost = await measure(preset, step, ffmpeg, tmp_path, FILM)
        assert 0 < cost < 1
        made = tmp_path / f"{step}{preset.segment_suffix}"
        (tmp_path / f"made{preset.segment_suffix}").rename(made)
        parts.append(Part(made, step * FILM.frames / FPS))
    assert len({headers(part.path) for part in parts}) == 1, "a file has them once, for all steps"
    output = tmp_path / f"joined{preset.segment_suffix}"
    await join(
        REAL,
        parts,
        output,
        container=preset.container,
        keep_video=True,
        keep_audio=True,
        tags={},
        log_path=tmp_path / "join.log",
    )
    wanted = [n / FPS for n in range(FILM.frames * len(parts))]
    assert picture_times(output) == pytest.approx(wanted, abs=0.0015)
    assert pictures(output) == [shown for part in parts for shown in pictures(part.path)]


@pytest.mark.parametrize("name", ["av1", "av1-svt", "mp4", "webm"])
async def test_another_thread_changes_no_header(tmp_path: Path, film: Path, name: str) -> None:
    preset = PRESETS.get(name)
    made = []
    for threads in (1, 2, 4):
        made.append(tmp_path / f"{threads}{preset.segment_suffix}")
        argv = command(
            preset,
            ffmpeg=str(REAL),
            source=str(film),
            output=str(made[-1]),
            width=FILM.width,
            height=FILM.height,
            video_bitrate_bps=1_000_000,
            audio_bitrate_bps=96_000,
            threads=threads,
        )
        await asyncio.to_thread(subprocess.run, argv, check=True, capture_output=True)
        assert len(set(pictures(made[-1]))) == FILM.frames
    assert len({headers(path) for path in made}) == 1


async def test_what_needs_more_threads_is_measured_with_them(tmp_path: Path, film: Path) -> None:
    (tmp_path / "film.nut").symlink_to(film)
    path = program(
        tmp_path / "ffmpeg",
        """
threads = sys.argv[sys.argv.index("-threads:v") + 1]
report(15, "end")
say(f"[info] bench: utime={0.5 * int(threads) ** 2}s stime=0.1s rtime=1s")
""",
    )
    found = await find_ffmpeg(None, MP4.encoders)
    fake = replace(found, path=path)
    # 0.6 s for half a second of film: two threads, with which it takes 2.1 s.
    assert await measure(MP4, 1, fake, tmp_path, FILM) == pytest.approx(2.1 / FILM.megapixels)


def pictures(path: Path) -> list[bytes]:
    """A few points of each picture as it is decoded."""
    with av.open(str(path)) as file:
        return [f.to_ndarray()[::48, ::64].tobytes() for f in file.decode(video=0)]


def test_the_film_is_the_same_every_time_and_moves(film: Path, tmp_path: Path) -> None:
    FILM.write(tmp_path / "again.nut")
    assert (tmp_path / "again.nut").read_bytes() == film.read_bytes()
    assert len(set(pictures(film))) == FILM.frames


async def test_a_step_that_fails_is_told_of(tmp_path: Path) -> None:
    preset = PRESETS.get("mp4")
    path = program(tmp_path / "ffmpeg", "say('[error] no'); sys.exit(1)")
    found = await find_ffmpeg(None, preset.encoders)
    broken = type(found)(path, "0", found.encoders, found.muxers, found.features, "setting")
    with pytest.raises(Unavailable, match="mp4 can't be measured at step veryfast"):
        await measure(preset, 1, broken, tmp_path, FILM)


def test_what_ffmpeg_says_of_its_cpu_time() -> None:
    said = ("bench: maxrss=41972KiB", "[info] bench: utime=1.250s stime=0.050s rtime=0.9s", "bye")
    assert cpu_seconds(said) == pytest.approx(1.3)
    assert cpu_seconds(("nothing",)) is None
