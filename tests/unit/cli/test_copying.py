"""Recordings that copy on the command line: what can be asked for, and what is shown of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.encodes.options import EncodeOptions
from tests.kit.catalog.rows import recording
from tests.kit.cli import Here
from tests.kit.terminal import Memory, running, within


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "av1"], "Pipeline copy makes mkv or webm or mp4, not av1"),
        (["--tracks", "videos"], "Unknown tracks: 'videos'. Use one of: selected, all."),
        (["--tracks", "all", "-o", "talk.webm"], "All tracks of a room don't fit into webm"),
        (["--tracks", "all", "-o", "talk.webm"], "Use --format mkv, or leave tracks out."),
    ],
)
def test_what_cant_be_had_is_one_line(arguments: list[str], said: str, here: Here) -> None:
    done = here.run("record", "nope", "--pipeline", "copy", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr.splitlines()[-1]
    assert not list(here.folder.rglob("*.haven"))


async def add(url: str, row: Recording) -> None:
    """Into a new catalog."""
    catalog = Catalog(url)
    await catalog.open(migrate=True)
    try:
        await catalog.create(row)
    finally:
        await catalog.close()


COPIED: dict[str, Any] = {
    "pipeline": "copy",
    "video_codec": "copy",
    "audio_codec": "copy",
    "tracks": "selected",
    "instead_of": "av1",
    "encode": EncodeOptions("av1").as_dict(),
}


def test_a_copied_recording_is_shown_as_one(here: Here) -> None:
    probe = {"video": {"codec": "vp8"}, "audio": {"codec": "opus"}}
    asyncio.run(add(here.catalog, recording("id0", probe=probe, **COPIED)))
    lines = here.run("recordings", "show", "id0").stdout.splitlines()
    shown = {
        name: rest.strip() for name, _, rest in (line.strip().partition(" ") for line in lines)
    }
    assert shown["copied"] == "vp8 + opus (copy)"
    assert shown["tracks"] == "selected"
    assert "no capacity to encode with av1" in shown["note"]
    assert "encoded" not in shown


async def test_a_recording_that_is_copied_instead_says_so(
    manager: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = manager.row

    def row() -> Recording:
        found = plain()
        found.instead_of, found.tracks, found.encode = "av1", "selected", COPIED["encode"]
        return found

    manager.row = row  # type: ignore[method-assign]
    manager.found.set()
    manager.framed.set()
    task = running(manager)
    await manager.looked.wait()
    manager.state = "completed"
    await within(task)
    assert "There was no capacity to encode with av1" in capsys.readouterr().err
