"""The output `images` makes what is due of the keyframes that segments have, and nothing twice."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.errors import OutputConflict
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.recordings.sidecars.names import SidecarKind
from orchestrator.worker.outputs.images import keyframes, shots
from orchestrator.worker.outputs.images import output as images_output
from orchestrator.worker.outputs.images.output import make_images
from tests.kit.catalog.rows import NOON, segment
from tests.kit.recordings.images import Images
from tests.kit.recordings.sidecars import WithSidecars

LEVELS = [40, 200, 80, 120, 200, 60]


@pytest.fixture
async def talk(catalog: Catalog, tmp_path: Path) -> WithSidecars:
    return await WithSidecars(catalog, tmp_path / "out").create()


def level_of(path: Path) -> float:
    """The brightness of an image, as ffmpeg shows it: 0 to 255."""
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0)).reformat(format="gray")
    return float(np.asarray(frame.to_ndarray(), np.uint8).mean())


async def tiles(talk: WithSidecars) -> list[str]:
    """The times of the sprite's cues."""
    vtt = Path((await talk.rows())["talk.sprite.vtt"].path).read_text()
    return re.findall(r"^(\S+) -->", vtt, re.M)


@pytest.mark.parametrize("format", ["jpeg", "webp"])
async def test_each_interval_the_first_keyframe_at_or_after_it(
    talk: WithSidecars, format: str
) -> None:
    spec = ImagesOutput(type="images", interval_s=3, format=format, width=160)
    images = await Images(talk, spec).prepare()
    images.add(1, 0.0, LEVELS)
    images.add(2, 12.5, [200, 40])
    row = await images.finish()
    found = await images.images()
    assert list(found) == [0.0, 3.0, 6.0, 9.0, 12.5, 15.5]
    wanted = [40, 200, 120, 200, 200, 40]
    for path, level in zip(found.values(), wanted, strict=True):
        assert level_of(path) == pytest.approx(level, abs=4)
    assert (row.state, row.figures["count"], row.figures["last_at_s"]) == ("complete", 6, 15.5)
    assert row.figures["bytes"] == sum(path.stat().st_size for path in found.values())
    assert {path.suffix for path in found.values()} == {".jpg" if format == "jpeg" else ".webp"}
    assert list(await tiles(talk))[:3] == ["00:00:00.000", "00:00:02.000", "00:00:04.000"]
    vtt = Path((await talk.rows())["talk.sprite.vtt"].path).read_text()
    assert "--> 00:00:16.500" in vtt, "to the end of the recording"


async def test_at_scene_changes_and_never_of_black_fillers(talk: WithSidecars) -> None:
    spec = ImagesOutput(type="images", scene_changes=True, sprite=False)
    images = await Images(talk, spec).prepare()
    images.add(1, 0.0, [16, 200, 203, 16, 16, 200, 60, 62, 16])
    await images.finish()
    assert list(await images.images()) == [2.0, 12.0]
    assert "talk.sprite.jpg" not in await talk.rows()


@pytest.mark.parametrize(
    ("suffix", "codecs"),
    [
        (".mkv", ("-c:v", "libvpx", "-deadline", "realtime")),
        (".webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
        (".mkv", ("-c:v", "libx264", "-preset", "ultrafast")),
    ],
)
async def test_of_copies(talk: WithSidecars, suffix: str, codecs: tuple[str, ...]) -> None:
    spec = ImagesOutput(type="images", interval_s=2)
    images = await Images(talk, spec, copies=True, suffix=suffix, container=suffix[1:]).prepare()
    images.add(1, 0.0, LEVELS[:3], *codecs)
    await images.finish()
    found = await images.images()
    assert list(found) == [0.0, 2.0, 4.0]
    for path, level in zip(found.values(), LEVELS, strict=False):
        assert level_of(path) == pytest.approx(level, abs=4)


async def test_another_worker_goes_on_where_the_first_one_was_killed(talk: WithSidecars) -> None:
    spec = ImagesOutput(type="images", interval_s=2)
    first = await Images(talk, spec).prepare()
    first.add(1, 0.0, LEVELS)
    task = asyncio.create_task(make_images(first.output))
    while (await first.row()).state != "active" or len(await tiles(talk)) < 6:
        assert not task.done()
        await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    before = {path: path.stat().st_mtime_ns for path in (await first.images()).values()}
    await first.output.table.change("o1", wanted="run")
    second = Images(talk, spec)
    second.files, second.output = first.files, first.output
    first.add(2, 12.2, [80, 100])
    row = await first.finish()
    found = await first.images()
    assert list(found) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.2, 14.2]
    assert {path: path.stat().st_mtime_ns for path in before} == before, "none was made again"
    assert row.figures["count"] == 8
    assert len(await tiles(talk)) == 8


async def test_when_nothing_is_recorded_any_more_it_is_made_of_the_segments_listed(
    talk: WithSidecars,
) -> None:
    images = await Images(talk, ImagesOutput(type="images"), is_recording=False).prepare()
    path = images.add(1, 0.0, LEVELS)
    row = segment("r1", 1)
    row.path, row.offset_s, row.end_s, row.part, row.ended_at = str(path), 0.0, 12.0, 1, NOON
    row.video_frames = row.audio_samples = 0
    await talk.catalog.add_segment(row)
    assert (await images.finish()).state == "complete"
    assert list(await images.images()) == [0.0, 10.0]


async def test_however_many_fragments_wait_all_are_looked_at(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyframes, "AT_ONCE", 2)
    images = await Images(talk, ImagesOutput(type="images", interval_s=2)).prepare()
    images.add(1, 0.0, LEVELS)
    await images.finish()
    assert list(await images.images()) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


async def test_a_full_disk_is_said_and_ends_only_the_images(talk: WithSidecars) -> None:
    images = await Images(talk, ImagesOutput(type="images"), reserve_bytes=2**62).prepare()
    images.add(1, 0.0, LEVELS[:2])
    images.output.recorded.set()
    with pytest.raises(Exception, match="the reserve"):
        await make_images(images.output)
    assert await images.images() == {}


async def test_a_write_that_fails_is_tried_again_with_the_next(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_output, "LOOK_S", 0.02)
    images = await Images(talk, ImagesOutput(type="images", interval_s=2)).prepare()
    images.add(1, 0.0, LEVELS[:2])
    (talk.work / "sidecars").touch()  # no folder can be made
    task = asyncio.create_task(make_images(images.output))
    while (await images.row()).state != "retrying":
        assert not task.done()
        await asyncio.sleep(0.02)
    assert "can't be written" in ((await images.row()).error or "")
    (talk.work / "sidecars").unlink()
    images.add(2, 4.0, LEVELS[2:4])
    while (await images.row()).state != "active":
        assert not task.done()
        await asyncio.sleep(0.02)
    images.output.recorded.set()
    await task
    assert list(await images.images()) == [4.0, 6.0]
    assert ((await images.row()).state, (await images.row()).error) == ("complete", None)


async def test_no_more_than_a_recording_may_have(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shots, "MOST_IMAGES", 2)
    images = await Images(talk, ImagesOutput(type="images", interval_s=2)).prepare()
    images.add(1, 0.0, LEVELS)
    row = await images.finish()
    assert list(await images.images()) == [0.0, 2.0]
    assert row.figures["full"] is True
    assert len(await tiles(talk)) == 6, "the sprite goes on"


async def test_removed_it_keeps_what_it_has(talk: WithSidecars) -> None:
    images = await Images(talk, ImagesOutput(type="images", interval_s=2)).prepare()
    images.add(1, 0.0, LEVELS)
    task = asyncio.create_task(make_images(images.output))
    while (await images.row()).state != "active":
        assert not task.done()
        await asyncio.sleep(0.02)
    images.output.removed.set()
    await task
    assert (await images.row()).state == "removed"
    assert len(await images.images()) == 6
    assert (await talk.rows())["talk.sprite.vtt"].kind == SidecarKind.SPRITE_VTT


async def test_one_output_makes_images(talk: WithSidecars) -> None:
    await Images(talk, ImagesOutput(type="images")).prepare()
    second = await Images(talk, ImagesOutput(type="images")).prepare(2)
    with pytest.raises(OutputConflict, match="made already"):
        await make_images(second.output)


async def test_a_damaged_keyframe_costs_only_itself(talk: WithSidecars) -> None:
    images = await Images(talk, ImagesOutput(type="images", interval_s=2)).prepare()
    path = images.add(1, 0.0, LEVELS)
    data = bytearray(path.read_bytes())
    mdat = [match.start() for match in re.finditer(b"mdat", data)][3]
    length = int.from_bytes(data[mdat - 4 : mdat], "big") - 8
    data[mdat + 4 : mdat + 4 + length] = bytes(length)
    path.write_bytes(data)
    row = await images.finish()
    assert row.state == "complete"
    assert row.figures["undecodable"] >= 1
    assert len(await images.images()) >= 4
