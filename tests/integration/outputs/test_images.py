"""Images and sprites of real recordings: each image shows the frame of its time."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import KEY, SECRET, Server
from tests.kit.managing import managing
from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import until_duration
from tests.kit.signals.codes import luma_of, read_code
from tests.kit.signals.reading import read
from tests.kit.sources.url_sender import Film

pytestmark = pytest.mark.real_time

Managed = Callable[[], AbstractAsyncContextManager[Manager]]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of numbered frames, and of beeps."""
    return Film().make(tmp_path_factory.mktemp("film") / "film.mkv")


@pytest.fixture
def managed(tmp_path: Path, film: Path) -> Managed:
    """A manager that knows the stream "studio", a film that is played."""

    @asynccontextmanager
    async def manage() -> AsyncIterator[Manager]:
        settings = Settings(
            output_directory=tmp_path / "out",
            database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
            discovery=["demo"],
            streams={"studio": StreamSettings.model_validate({"url": f"file://{film}"})},
        )
        async with managing(settings) as manager:
            yield manager

    return manage


def asked(pipeline: str, **spec: Any) -> StartRequest:
    images = ImagesOutput(**({"type": "images", "interval_s": 2} | spec))
    return StartRequest("studio", None, pipeline, outputs=(images,))


async def rows_of(manager: Manager, recording: Recording) -> list[SidecarFile]:
    return (await manager.sidecars.page(recording.id, kind=None, limit=1000, offset=0))[0]


async def until_images(manager: Manager, recording: Recording, count: int) -> list[SidecarFile]:
    """While it is recorded: so many, and a sprite."""
    async with asyncio.timeout(40):
        while True:
            rows = await rows_of(manager, recording)
            kinds = [row.kind for row in rows]
            if kinds.count("image") >= count and "sprite_vtt" in kinds:
                return rows
            await asyncio.sleep(0.05)


def number_in(path: Path) -> int | None:
    """The number of the frame that an image shows."""
    with av.open(str(path)) as file:
        return read_code(luma_of(next(file.decode(video=0))))


def check(recorded: Recording, rows: list[SidecarFile]) -> None:
    """Each lies beside the file and shows the frame that the file has at that time."""
    output = Path(recorded.output_path)
    reading = read(output)
    images = [row for row in rows if row.at_s is not None]
    for row in images:
        assert Path(row.path).parent == output.with_suffix(".images")
        at_s, number = min(reading.codes, key=lambda code: abs(code[0] - (row.at_s or 0)))
        assert row.at_s == pytest.approx(at_s, abs=0.002), row.name
        assert number_in(Path(row.path)) == number
    slots = [int((row.at_s or 0) / 2) for row in images]
    assert slots == sorted(set(slots)), "one each two seconds"
    vtt = output.with_suffix(".sprite.vtt").read_text()
    cues = re.findall(r"--> (\d\d):(\d\d):(\S+)\n(\S+)#xywh", vtt)
    assert {name for *_, name in cues} == {output.with_suffix(".sprite.jpg").name}
    assert output.with_suffix(".sprite.jpg").is_file()
    *_, (hours, minutes, seconds, _) = cues
    end_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert end_s == pytest.approx(recorded.duration_s, abs=0.3)


@pytest.mark.parametrize(
    "pipeline",
    [
        "mp4",
        *(pytest.param(name, marks=pytest.mark.all_only) for name in ("copy", "webm", "av1-svt")),
    ],
)
async def test_images_show_the_frames_of_their_times(managed: Managed, pipeline: str) -> None:
    async with managed() as manager:
        started = await manager.start(asked(pipeline))
        live = await until_images(manager, started, 2)
        assert all(Path(row.path).is_relative_to(started.work_directory) for row in live)
        await until_duration(manager, "studio", 5)
        ended = await manager.stop("studio")
        (output,) = await manager.outputs.of_recording(started.id)
        rows = await rows_of(manager, started)
    assert (ended.state, ended.error) == ("completed", None)
    images = [row for row in rows if row.kind == "image"]
    assert len(images) >= 3
    assert (output.state, output.error) == ("complete", None)
    assert output.figures["count"] == len(images)
    assert output.figures["bytes"] == sum(row.size_bytes for row in images)
    check(ended, rows)
    assert not Path(started.work_directory).exists()


@pytest.mark.all_only
@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
async def test_a_killed_worker_costs_no_image(managed: Managed, pipeline: str) -> None:
    async with managed() as manager:
        started = await manager.start(asked(pipeline))
        await until_images(manager, started, 2)
        row = await manager.status("studio")
        assert row is not None
        assert row.worker_pid is not None
        os.kill(row.worker_pid, signal.SIGKILL)
        before = len(await rows_of(manager, started))
        await until_images(manager, started, 4)
        ended = await manager.stop("studio")
        rows = await rows_of(manager, started)
        (output,) = await manager.outputs.of_recording(started.id)
    assert (ended.state, output.state) == ("completed", "complete")
    assert len(rows) > before
    check(ended, rows)


@pytest.mark.all_only
async def test_after_a_power_cut_they_are_complete_with_the_file(
    film: Path, tmp_path: Path
) -> None:
    """The next server's worker records nothing: it makes the file, and images of what is left."""
    machine = Machine(tmp_path)
    machine.settings["STREAMS"] = json.dumps({"studio": {"url": f"file://{film}"}})
    outputs = [{"type": "images", "interval_s": 2}]
    async with machine.serving() as server:
        answer = await server.ask_to_start("studio", pipeline="mp4", outputs=outputs)
        assert answer.status_code == 200, answer.text
        (running,) = (await server.get("/api/recordings?state=recording"))["recordings"]
        id = running["id"]
        async with asyncio.timeout(60):
            while (await server.get(f"/api/recordings/{id}/sidecars?kind=image"))["total"] < 3:
                await asyncio.sleep(0.05)
        await server.until_recorded(id, 9)
        machine.switch_off()
    async with machine.serving() as server:
        row = await server.until_ended(id)
        sidecars = (await server.get(f"/api/recordings/{id}/sidecars"))["sidecars"]
        (output,) = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
        content = [
            await server.fetch(f"/api/recordings/{id}/sidecars/{one['name']}") for one in sidecars
        ]
    assert (row["state"], output["state"]) == ("completed", "complete")
    times = [one["at_s"] for one in sidecars if one["kind"] == "image"]
    assert [int(at_s / 2) for at_s in times] == list(range(len(times)))
    assert len(times) >= 4
    for one, data in zip(sidecars, content, strict=True):
        assert Path(one["path"]).parent in (
            machine.out,
            Path(row["output_path"]).with_suffix(".images"),
        )
        assert Path(one["path"]).read_bytes() == data


@pytest.mark.livekit
@pytest.mark.all_only
@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
async def test_of_a_room(tmp_path: Path, livekit_server: Server, pipeline: str) -> None:
    settings = Settings(
        output_directory=tmp_path / "out",
        database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
        discovery=["livekit"],
        livekit_url=livekit_server.url,
        livekit_api_key=KEY,
        livekit_api_secret=SECRET,
    )
    images = ImagesOutput(type="images", interval_s=2)
    async with conference(livekit_server, "images"), managing(settings) as manager:
        started = await manager.start(StartRequest("images", None, pipeline, outputs=(images,)))
        await until_images(manager, started, 2)
        ended = await manager.stop("images")
        rows = await rows_of(manager, started)
    assert ended.state == "completed"
    check(ended, rows)
