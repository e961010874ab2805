"""Joining real segments; what comes after a gap stands where it belongs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from orchestrator.encoding.joining.join import concat_list, join
from orchestrator.encoding.joining.seam import Part
from orchestrator.encoding.pipeline.command import Pipeline, Pipelines
from orchestrator.errors import EncodingFailed
from tests.kit.fakes import REAL_FFMPEG, Feeder, beeps, frame_times, until
from tests.unit.encoding.test_real_ffmpeg import Bench


@dataclass
class Segments:
    """Two finished segments of 2 s and one that was killed after at least 3 s."""

    pipeline: Pipeline
    paths: list[Path]

    async def join(self, offsets: list[float], output: Path, **keep: bool) -> None:
        parts = [Part(path, at) for path, at in zip(self.paths, offsets, strict=False)]
        await join(
            REAL_FFMPEG,
            parts,
            output,
            container=self.pipeline.container,
            keep_video=keep.get("video", True),
            keep_audio=keep.get("audio", True),
            tags={"title": "Joined", "stream_id": "room"},
            log_path=output.with_name("join.log"),
        )


async def made(folder: Path, name: str) -> Segments:
    pipelines, paths = Pipelines.load(None), []
    for number in range(3):
        (folder / str(number)).mkdir()
        bench = Bench(folder / str(number), pipelines, name)
        if number < 2:
            assert (await bench.record([n * 3000 for n in range(60)])).outcome == "finished"
        else:
            await killed(bench)
        paths.append(bench.output)
    return Segments(pipelines.get(name), paths)


async def killed(bench: Bench) -> None:
    run = await bench.start()
    feeder = Feeder(bench.fifo, [n * 3000 for n in range(150)], hold=True)
    feeder.start()
    await until(lambda: run.progress is not None and (run.progress.out_time_s or 0) > 4, 30)
    await run.kill()
    feeder.end()


@pytest.fixture(scope="module", params=["mp4", "webm", "av1"])
def segments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Segments:
    name = str(request.param)
    return asyncio.run(made(tmp_path_factory.mktemp(name), name))


@pytest.mark.parametrize("second_s", [3.5, 2.0], ids=["gap", "no gap"])
async def test_parts_stand_at_their_offsets(
    segments: Segments, tmp_path: Path, second_s: float
) -> None:
    output = tmp_path / f"joined{segments.pipeline.segment_suffix}"
    offsets = [10.0, 10.0 + second_s, 16.0]
    await segments.join(offsets, output)
    last = len(frame_times(segments.paths[2]))
    assert last >= 60
    starts = [at - 10.0 for at in offsets]
    wanted = [
        start + n / 30
        for start, count in zip(starts, [60, 60, last], strict=True)
        for n in range(count)
    ]
    assert frame_times(output) == pytest.approx(wanted, abs=0.0015)
    heard = [s + at for s, p in zip(starts, segments.paths, strict=True) for at in beeps(p)]
    # Where a part begins in the middle of a beep, the encoder's priming rings 10 ms before it.
    assert beeps(output) == pytest.approx(heard, abs=0.011)


async def test_players_find_the_chapters(segments: Segments, tmp_path: Path) -> None:
    output, lone = tmp_path / "joined", tmp_path / "lone"
    chapters = [(0.0, "Beginning"), (1.5, "A = b; \\#1"), (4.25, "After a pause of 2 s")]
    await join(
        REAL_FFMPEG,
        [Part(segments.paths[0], 0.0), Part(segments.paths[1], 3.0)],
        output,
        container=segments.pipeline.container,
        keep_video=True,
        keep_audio=True,
        tags={"title": "Joined"},
        log_path=tmp_path / "join.log",
        chapters=chapters,
        end_s=5.0,
    )
    await segments.join([0.0, 3.0], lone)
    with av.open(str(output)) as file:
        marks = [(c, c["time_base"] or 0) for c in file.chapters()]
        found = [(float(c["start"] * base), c["metadata"]["title"]) for c, base in marks]
        ends = [float(c["end"] * base) for c, base in marks]
        assert {key.lower(): value for key, value in file.metadata.items()}["title"] == "Joined"
    assert found == chapters
    assert ends == pytest.approx([1.5, 4.25, 5.0], abs=0.1)
    assert frame_times(output)[:120] == frame_times(lone)[:120], "nothing moves for them"
    assert sorted(os.listdir(tmp_path)) == ["join.log", "joined", "lone"]


async def test_tags_and_an_index_that_comes_first(segments: Segments, tmp_path: Path) -> None:
    output = tmp_path / "joined"
    await segments.join([0.0, 3.0, 6.0], output)
    with av.open(str(output)) as file:
        tags = {key.lower(): value for key, value in file.metadata.items()}
    assert (tags["title"], tags["stream_id"]) == ("Joined", "room")
    head = output.read_bytes()
    index, media = (
        (b"moov", b"mdat")
        if segments.pipeline.container == "mp4"
        else (
            b"\x1c\x53\xbb\x6b",  # Cues (RFC 9559 §5.1.5)
            b"\x1f\x43\xb6\x75",  # Cluster
        )
    )
    # WebM's seek head names the Cues first; the element itself follows.
    assert 0 < head.find(index) < head.find(media)
    assert sorted(os.listdir(tmp_path)) == ["join.log", "joined"]


@pytest.mark.parametrize("kept", ["video", "audio"])
async def test_only_what_was_real_is_kept(segments: Segments, tmp_path: Path, kept: str) -> None:
    output = tmp_path / "joined"
    await segments.join([0.0, 3.0], output, video=kept == "video", audio=kept == "audio")
    with av.open(str(output)) as file:
        assert [stream.type for stream in file.streams] == [kept]
        assert file.duration == pytest.approx(5_000_000, abs=60_000)


async def test_one_part_alone(segments: Segments, tmp_path: Path) -> None:
    output = tmp_path / "joined"
    whole = Segments(segments.pipeline, segments.paths[2:])
    await whole.join([7.0], output)
    assert frame_times(output) == pytest.approx(frame_times(segments.paths[2]), abs=0.0015)


async def test_a_part_that_can_not_be_read_is_no_success(
    segments: Segments, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"nothing")
    output = tmp_path / "joined"
    with pytest.raises(EncodingFailed, match="can't be joined") as failure:
        await Segments(segments.pipeline, [segments.paths[0], broken]).join([0.0, 3.0], output)
    assert failure.value.context["stderr"]
    assert not output.exists()


async def test_a_part_that_ends_in_the_middle_of_a_frame(
    segments: Segments, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    with av.open(str(segments.paths[2])) as file:
        where = [(p.pos, p.size) for p in file.demux(video=0) if p.pos is not None]
    begins, size = where[40]
    cut.write_bytes(segments.paths[2].read_bytes()[: begins + size // 2])
    output = tmp_path / "joined"
    await Segments(segments.pipeline, [cut, segments.paths[0]]).join([0.0, 6.0], output)
    times = frame_times(output)
    assert len([at for at in times if at < 5.9]) in (39, 40, 41)
    assert len([at for at in times if at > 5.9]) == 60


def test_the_script_survives_any_path(tmp_path: Path) -> None:
    text = concat_list([Part(tmp_path / "it's #1.mp4", 2.0), Part(Path("/b"), 5.25)])
    quoted = str(tmp_path / "it's #1.mp4").replace("'", r"'\''")
    whole = "option fflags +discardcorrupt\n"
    first = f"file '{quoted}'\n{whole}duration 3.250000\n"
    assert text == f"ffconcat version 1.0\n{first}file '/b'\n{whole}"
