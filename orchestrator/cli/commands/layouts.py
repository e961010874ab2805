"""`orchestrator layouts`: list layouts, show where tiles lie, check and preview them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.formatting import AsJson, Config, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.layouts import Composition, Scene
    from orchestrator.layouts.description import Described
    from orchestrator.layouts.drawing.paint import Image
    from orchestrator.layouts.loading import Layout, Layouts

app = typer.Typer(help="List, show, check and preview the layouts.", no_args_is_help=True)

Canvas = Annotated[str | None, typer.Option(help="WIDTHxHEIGHT. \\[default: 1280x720]")]
People = Annotated[int, typer.Option(min=0, max=1000, help="Made-up participants.")]
Screen = Annotated[bool, typer.Option("--screen", help="One of them shares a screen.")]
Source = Annotated[
    Path | None,
    typer.Option("--scene", help="JSON file with the scene, instead of a made-up one; - is stdin."),
]


@app.command("list")
def list_layouts(as_json: AsJson = False, config: Config = None) -> None:
    """List the layouts, and files that fail to load."""
    layouts = _load(config)
    if as_json:
        listed = [_described(layout) for layout in layouts.by_name.values()]
        broken = [{"name": f.name, "error": f.message, "path": f.path} for f in layouts.failures]
        print_json({"layouts": listed, "failures": broken})
        return
    rows = [(one.name, one.description, str(one.path)) for one in layouts.by_name.values()]
    print_table(("layout", "what it is", "file"), rows)
    for failure in layouts.failures:
        line = f":{failure.line}" if failure.line else ""
        print(f"{failure.name} failed to load: {failure.path}{line}: {failure.message}")


@app.command("show")
def show_layout(
    name: str,
    source: Source = None,
    canvas: Canvas = None,
    participants: People = 4,
    screen: Screen = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Print where a layout puts which track."""
    layout = _load(config).get(name)
    scene = _scene(source, canvas, participants, screen).scene
    composed = _composed(layout, scene)
    rows = [
        {"track": t.track, "x": t.rect.x, "y": t.rect.y, "width": t.rect.width}
        | {"height": t.rect.height, "fit": t.fit}
        for t in composed.tiles
    ]
    if as_json:
        print_json({"canvas": str(scene.canvas), "tiles": rows})
        return
    columns = ("track", "x", "y", "width", "height", "fit")
    print_table(columns, [tuple(str(row[column]) for column in columns) for row in rows])


@app.command("check")
def check_layouts(
    name: Annotated[str | None, typer.Argument(help="Check only this layout.")] = None,
    config: Config = None,
) -> None:
    """Load the layouts and try each on rooms of 0 to 50, screens, portrait and tiny canvases."""
    from orchestrator.cli.layout_check import check_layout

    layouts = _load(config)
    chosen = [layouts.get(name)] if name else list(layouts.by_name.values())
    results = [check_layout(layout) for layout in chosen]
    broken = [] if name else layouts.failures
    for result in results:
        print(f"{'ok  ' if result.passed else 'FAIL'} {result.name}: {result.message}")
    for failure in broken:
        print(f"FAIL {failure.name}: {failure.path}:{failure.line or 1}: {failure.message}")
    if broken or not all(result.passed for result in results):
        raise typer.Exit(1)


@app.command("preview")
def preview_layout(
    name: str,
    output: Annotated[Path, typer.Option(help="The PNG that is written; - is stdout.")],
    source: Source = None,
    canvas: Canvas = None,
    participants: People = 4,
    screen: Screen = False,
    config: Config = None,
) -> None:
    """Draw a layout as PNG, with frames that show what is cut off."""
    from orchestrator.layouts.drawing.canvas_image import canvas_image
    from orchestrator.layouts.drawing.images import png

    layout = _load(config).get(name)
    given = _scene(source, canvas, participants, screen)
    composed = _composed(layout, given.scene)
    drawn = png(canvas_image(given.scene, composed, _frames(given)))
    _write(output, drawn)


def _load(config: Path | None) -> Layouts:
    from orchestrator.errors import InvalidRequest
    from orchestrator.layouts.loading import Layouts
    from orchestrator.settings import load_settings

    own = load_settings(config=config).layouts_directory
    if own is not None and not own.is_dir():
        problem = f"The folder of your own layouts, {own}, does not exist."
        raise InvalidRequest(problem, "Create it, or unset layouts_directory.")
    return Layouts.load(own)


def _scene(source: Path | None, canvas: str | None, participants: int, screen: bool) -> Described:
    from dataclasses import replace

    from orchestrator.layouts.canvas import canvas_of
    from orchestrator.layouts.description import Described, described
    from orchestrator.layouts.made_up import made_up_scene

    if source is None:
        made_up = made_up_scene(canvas_of(canvas or "1280x720"), participants, screen=screen)
        return Described(made_up, {})
    given = described(_read(source), Path() if str(source) == "-" else source.parent)
    if canvas is None:
        return given
    return replace(given, scene=replace(given.scene, canvas=canvas_of(canvas)))


def _read(source: Path) -> bytes:
    from orchestrator.errors import InvalidRequest
    from orchestrator.layouts.description import MOST_BYTES

    if str(source) == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        with source.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequest(f"The description {source} can't be read: {reason}.") from None


def _write(output: Path, data: bytes) -> None:
    from orchestrator.errors import InvalidRequest

    if str(output) == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequest(f"The preview can't be written to {output}: {reason}.") from None


def _composed(layout: Layout, scene: Scene) -> Composition:
    from orchestrator.layouts.running import LayoutRunner

    runner = LayoutRunner(layout)
    try:
        return runner.compose(scene)
    finally:
        runner.close()


def _frames(given: Described) -> Mapping[str, Image]:
    from orchestrator.layouts.drawing.images import read_image
    from orchestrator.layouts.drawing.sample_frames import sample_frame

    return {
        track.id: read_image(given.images[track.id])[..., :3]
        if track.id in given.images
        else sample_frame(track)
        for track in given.scene.tracks
    }


def _described(layout: Layout) -> dict[str, object]:
    fields = ("name", "description", "path", "overlaps")
    return {field: getattr(layout, field) for field in fields}
