"""`orchestrator layouts`: list, show, check, preview."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.layouts.drawing.images import read_image
from tests.kit.cli import Here

BUILT_IN = {"grid", "picture-in-picture", "side-by-side", "single", "single-speaker", "speaker"}
BROKEN = "def layout(scene):\n    return 1 / 0\n"


@pytest.fixture
def own(here: Here) -> Path:
    """A folder with layouts of the user's own."""
    folder = here.folder / "mine"
    folder.mkdir()
    here.environment["ORCHESTRATOR_LAYOUTS_DIRECTORY"] = str(folder)
    return folder


def test_list(here: Here, own: Path) -> None:
    (own / "broken.py").write_text("x = 1\nimport nowhere\n")
    answer = json.loads(here.run("layouts", "list", "--json").stdout)
    assert {each["name"] for each in answer["layouts"]} == BUILT_IN
    assert [each["name"] for each in answer["failures"]] == ["broken"]
    table = here.run("layouts", "list").stdout
    assert "Equal tiles; with a screen share the layout speaker." in table
    assert f"broken failed to load: {own / 'broken.py'}:2: ModuleNotFoundError" in table


def test_show(here: Here) -> None:
    done = here.run("layouts", "show", "grid", "--participants", "2", "--json")
    first, second = json.loads(done.stdout)["tiles"]
    assert first == {
        "track": "camera-1",
        **{"x": 8, "y": 8, "width": 628, "height": 704, "fit": "auto"},
    }
    assert second["x"] == 644
    assert "camera-1" in here.run("layouts", "show", "speaker", "--canvas", "720x1280").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nope"], "Unknown layout: nope. Use one of: grid,"),
        (["show", "grid", "--canvas", "3x3"], "A canvas can't be '3x3'."),
        (["show", "grid", "--canvas", "20000x20000"], "even numbers from 16 to 8192"),
        (["show", "grid", "--scene", "missing.json"], "missing.json can't be read: No such file"),
        (["preview", "grid", "--output", "no/where.png"], "can't be written to no/where.png"),
    ],
)
def test_what_is_refused(here: Here, arguments: list[str], words: str) -> None:
    done = here.run("layouts", *arguments)
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_missing(here: Here, own: Path) -> None:
    own.rmdir()
    done = here.run("layouts", "list")
    assert done.returncode == 1
    assert f"The folder of your own layouts, {own}, does not exist." in done.stderr


def test_check(here: Here, own: Path) -> None:
    done = here.run("layouts", "check")
    assert done.returncode == 0
    assert {line.split()[1].rstrip(":") for line in done.stdout.splitlines()} == BUILT_IN
    (own / "broken.py").write_text(BROKEN)
    (own / "unread.py").write_text("import nowhere\n")
    done = here.run("layouts", "check")
    assert done.returncode == 1
    assert f"FAIL unread: {own / 'unread.py'}:1: ModuleNotFoundError" in done.stdout
    done = here.run("layouts", "check", "broken")
    assert done.returncode == 1
    assert f"ZeroDivisionError: division by zero ({own / 'broken.py'}:2)" in done.stdout
    assert "with 0 participants and 0 tracks on 1280x720" in done.stdout


def test_preview(here: Here) -> None:
    scene = {
        "canvas": "320x180",
        "participants": [
            {"identity": "a", "tracks": [{"width": 16, "height": 9, "image": "a.png"}]}
        ],
        "look": {"names": False},
    }
    (here.folder / "scene.json").write_text(json.dumps(scene))
    done = here.run("layouts", "preview", "single", "--canvas", "64x36", "--output", "a.png")
    assert (done.returncode, done.stderr) == (0, "")
    done = here.run("layouts", "preview", "single", "--scene", "scene.json", "--output", "b.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert read_image(here.folder / "a.png").shape == (36, 64, 4)
    image = read_image(here.folder / "b.png")
    assert image.shape == (180, 320, 4)
    assert image[5, 5, :3].tolist() != [17, 17, 17], "the frame of a.png is there"
