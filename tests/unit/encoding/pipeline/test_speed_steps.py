"""A recording may change its speed step on the way: what all its steps make is one good file."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import pytest

from orchestrator.encoding.joining.join import join
from orchestrator.encoding.joining.seam import Part
from orchestrator.encoding.pipeline.calibration import cpu_seconds, measure
from orchestrator.encoding.pipeline.command import Pipelines, command
from orchestrator.encoding.pipeline.film import FPS, Film
from orchestrator.encoding.pipeline.film_frames import write
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.errors import Unavailable
from tests.kit.fakes import REAL, REAL_FFMPEG, frame_times, program

pytestmark = pytest.mark.slow

FILM = Film(960, 540, 15)
"""The smallest at which every step of every pipeline is its own."""

PIPELINES = Pipelines.load(None)
MP4 = PIPELINES.get("mp4")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.nut"
    write(FILM, path)
    return path


def headers(path: Path) -> bytes | None:
    """What a decoder needs before the first frame: SPS and PPS, or the sequence header."""
    with av.open(str(path)) as file:
        return file.streams.video[0].codec_context.extradata


@pytest.mark.parametrize("name", ["av1", "av1-svt", "mp4", "webm"])
async def test_all_steps_make_one_file(tmp_path: Path, film: Path, name: str) -> None:
    pipeline = PIPELINES.get(name)
    ffmpeg = await find_ffmpeg(None, pipeline.encoders)
    (tmp_path / "film.nut").symlink_to(film)
    parts = []
    for step, _ in enumerate(pipeline.speeds):
        cost = await measure(pipeline, step, ffmpeg, tmp_path, FILM)
        assert 0 < cost < 1
        made = tmp_path / f"{step}{pipeline.segment_suffix}"
        (tmp_path / f"made{pipeline.segment_suffix}").rename(made)
        parts.append(Part(made, step * FILM.frames / FPS))
    assert len({headers(part.path) for part in parts}) == 1, "a file has them once, for all steps"
    output = tmp_path / f"joined{pipeline.segment_suffix}"
    await join(
        REAL_FFMPEG,
        parts,
        output,
        container=pipeline.container,
        keep_video=True,
        keep_audio=True,
        tags={},
        log_path=tmp_path / "join.log",
    )
    wanted = [n / FPS for n in range(FILM.frames * len(parts))]
    assert frame_times(output) == pytest.approx(wanted, abs=0.0015)
    assert frames(output) == [shown for part in parts for shown in frames(part.path)]


@pytest.mark.parametrize("name", ["av1", "av1-svt", "mp4", "webm"])
async def test_another_thread_changes_no_header(tmp_path: Path, film: Path, name: str) -> None:
    pipeline = PIPELINES.get(name)
    made = []
    for threads in (1, 2, 4):
        made.append(tmp_path / f"{threads}{pipeline.segment_suffix}")
        argv = command(
            pipeline,
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
        assert len(set(frames(made[-1]))) == FILM.frames
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


def frames(path: Path) -> list[bytes]:
    """A few points of each frame as it is decoded."""
    with av.open(str(path)) as file:
        return [f.to_ndarray()[::48, ::64].tobytes() for f in file.decode(video=0)]


def test_the_film_is_the_same_every_time_and_moves(film: Path, tmp_path: Path) -> None:
    write(FILM, tmp_path / "again.nut")
    assert (tmp_path / "again.nut").read_bytes() == film.read_bytes()
    assert len(set(frames(film))) == FILM.frames


async def test_a_step_that_fails_is_reported(tmp_path: Path) -> None:
    pipeline = PIPELINES.get("mp4")
    path = program(tmp_path / "ffmpeg", "say('[error] no'); sys.exit(1)")
    found = await find_ffmpeg(None, pipeline.encoders)
    broken = type(found)(path, "0", found.encoders, found.muxers, found.features, "setting")
    with pytest.raises(Unavailable, match="mp4 can't be measured at step veryfast"):
        await measure(pipeline, 1, broken, tmp_path, FILM)


def test_what_ffmpeg_says_of_its_cpu_time() -> None:
    said = ("bench: maxrss=41972KiB", "[info] bench: utime=1.250s stime=0.050s rtime=0.9s", "bye")
    assert cpu_seconds(said) == pytest.approx(1.3)
    assert cpu_seconds(("nothing",)) is None


@pytest.mark.parametrize("bitrate_bps", [300_000, 500_000, 800_000])
def test_every_frame_of_av1_decodes(tmp_path: Path, bitrate_bps: int) -> None:
    # Step 8 made frames of this film that no decoder accepts, while libaom updated no costs at all.
    film, made = tmp_path / "film.nut", tmp_path / "made.mp4"
    inputs = ("mandelbrot=s=320x180:r=30:start_scale=1.5", "anullsrc=r=48000:cl=stereo")
    given = [option for each in inputs for option in ("-f", "lavfi", "-t", "10", "-i", each)]
    raw = ("-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-c:a", "pcm_s16le")
    subprocess.run([str(REAL), "-v", "error", *given, *raw, str(film)], check=True)
    argv = command(
        PIPELINES.get("av1"),
        ffmpeg=str(REAL),
        source=str(film),
        output=str(made),
        width=320,
        height=180,
        video_bitrate_bps=bitrate_bps,
        audio_bitrate_bps=64_000,
        speed=1,
        threads=1,
    )
    subprocess.run(argv, check=True, capture_output=True)
    with av.open(str(made)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 300
