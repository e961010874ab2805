"""Writes the images that test_reference_images compares with: look at each before it is committed.

.venv/bin/python -m tests.unit.layouts.reference_images
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from orchestrator.layouts import Canvas, Look, Microphone, Participant, Scene, Speaking, Track
from orchestrator.layouts.drawing.canvas_image import canvas_image
from orchestrator.layouts.drawing.images import png
from orchestrator.layouts.drawing.paint import Image
from orchestrator.layouts.drawing.sample_frames import sample_frame
from orchestrator.media import TrackSource
from tests.unit.layouts.scenes import compose

FOLDER = Path(__file__).parent / "references"
SIZES = ((1280, 720), (720, 1280), (640, 160), (641, 361), (320, 320), (1920, 1080))
NAMES = (
    *("Ada Lovelace", "דנה (Dana) לוי", "محمد الأمين 12", "王小明", "อารีย์ ใจดี", "김민준"),
    *("आर्या शर्मा", "Ольга Ω ñ", "Noé 🎧 👨‍👩‍👧", "A name that is far too long for its tile"),
)


@dataclass(frozen=True)
class Reference:
    """A layout and a scene."""

    layout: str
    scene: Scene

    def image(self) -> Image:
        return draw(self.layout, self.scene)


def draw(layout: str, scene: Scene) -> Image:
    """The scene with sample frames."""
    frames = {track.id: sample_frame(track) for track in scene.tracks}
    return canvas_image(scene, compose(layout, scene), frames)


def people(canvas: Canvas, count: int, *, screen: bool = False) -> Scene:
    """The first speaks, the second is muted, the third's camera is off; frames of all shapes."""
    who = tuple(
        Participant(f"p{n}", NAMES[n], float(n), Microphone.MUTED if n == 1 else Microphone.ON)
        for n in range(count)
    )
    tracks = tuple(
        Track(f"t{n}", f"p{n}", TrackSource.CAMERA, *SIZES[n % len(SIZES)], muted=n == 2)
        for n in range(count)
    )
    if screen:
        tracks += (Track("s", "p0", TrackSource.SCREEN_SHARE, 1600, 1200),)
    return Scene(canvas, who, tracks, (Speaking("p0", 0.5, 0.0),), time_s=3723.0)


def references(folder: Path) -> Mapping[str, Reference]:
    """All of them, by name; `folder` gets the files of logo and background."""
    dressed = Look(clock=True, logo=str(logo(folder)), background_image=str(backdrop(folder)))
    wide, tall = Canvas(640, 360), Canvas(270, 480)
    return {
        "grid-9": Reference("grid", people(Canvas(960, 540), 9)),
        "grid-portrait": Reference("grid", people(tall, 2)),
        "grid-dressed": Reference("grid", replace(people(wide, 2), look=dressed)),
        "grid-everyone": Reference(
            "grid", replace(people(wide, 3), tracks=(), look=Look(everyone=True))
        ),
        "speaker": Reference("speaker", people(wide, 6)),
        "speaker-portrait": Reference("speaker", people(tall, 4)),
        "speaker-screen": Reference("speaker", people(wide, 3, screen=True)),
        "single": Reference("single", people(wide, 1)),
        "single-speaker": Reference("single-speaker", replace(people(wide, 2), stage="p1")),
        "side-by-side": Reference("side-by-side", people(wide, 2)),
        "picture-in-picture": Reference("picture-in-picture", people(wide, 2)),
    }


def logo(folder: Path) -> Path:
    """An orange bar."""
    return _written(folder / "logo.png", np.full((40, 60, 3), (240, 170, 30), np.uint8))


def backdrop(folder: Path) -> Path:
    """From dark blue to purple."""
    image = np.zeros((90, 160, 3), np.uint8)
    image[..., 2] = 90
    image[..., 0] = np.linspace(0, 120, 160)[None, :]
    return _written(folder / "backdrop.png", image)


def _written(path: Path, image: Image) -> Path:
    path.write_bytes(png(image))
    return path


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        for name, reference in references(Path(place)).items():
            (FOLDER / f"{name}.png").write_bytes(png(reference.image()))
