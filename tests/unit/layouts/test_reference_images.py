"""What layouts draw is what was looked at: images of `reference_images`, SSIM 0.98 and more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from orchestrator.layouts import Canvas, Look, Microphone, Speaking
from orchestrator.layouts.drawing.images import read_image
from orchestrator.layouts.drawing.paint import Image
from tests.unit.layouts.reference_images import FOLDER, Reference, draw, people, references
from tests.unit.layouts.ssim import ssim_map

SMALL = Canvas(640, 360)
NAMES = sorted(path.stem for path in FOLDER.glob("*.png"))
ALIKE = 0.98
"""On the whole; and no window may be below ALIKE_EVERYWHERE."""
ALIKE_EVERYWHERE = 0.9


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Reference]:
    return references(tmp_path_factory.mktemp("looks"))


def alike(a: Image, b: Image) -> bool:
    found = ssim_map(a, b)
    return bool(found.mean() >= ALIKE and found.min() >= ALIKE_EVERYWHERE)


def test_there_is_an_image_of_each(drawn: Mapping[str, Reference]) -> None:
    assert sorted(drawn) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_images(name: str, drawn: Mapping[str, Reference]) -> None:
    image, wanted = drawn[name].image(), read_image(FOLDER / f"{name}.png")
    assert image.shape[:2] == wanted.shape[:2]
    assert alike(image, wanted)


@pytest.mark.parametrize("change", ["name", "muted", "border", "background", "initials", "moved"])
def test_what_differs_is_found(change: str) -> None:
    """The comparison fails if a name, an icon, a border or a place is another."""
    scene = people(SMALL, 3)
    first, second, third = scene.participants
    changed = {
        "name": replace(scene, participants=(replace(first, name="Ada Lovelade"), second, third)),
        "muted": replace(
            scene, participants=(first, replace(second, microphone=Microphone.ON), third)
        ),
        "border": replace(scene, speakers=()),
        "background": replace(scene, look=Look(background="#555555")),
        "initials": replace(scene, participants=(first, second, replace(third, name="Bob"))),
        "moved": replace(scene, shown=("t1", "t0", "t2")),
    }[change]
    assert alike(draw("grid", scene), draw("grid", scene))
    assert not alike(draw("grid", scene), draw("grid", changed))


def test_the_border_fades() -> None:
    scene = people(SMALL, 1)
    plain = draw("grid", replace(scene, speakers=()))

    def strength(now_s: float, ended_s: float | None = None) -> int:
        said = (Speaking("p0", 0.5, 10.0, ended_s),)
        image = draw("grid", replace(scene, speakers=said, time_s=now_s))
        return int(abs(image.astype(int) - plain.astype(int)).max())

    begins, half, whole = strength(10.0), strength(10.1), strength(10.2)
    assert begins == 0
    assert 0 < half < whole
    assert strength(12.0, ended_s=12.0) == whole
    assert 0 < strength(12.25, ended_s=12.0) < whole
    assert strength(12.5, ended_s=12.0) == 0
