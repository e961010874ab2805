"""A scene described in JSON, for previews and tests of layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from orchestrator.errors import InvalidRequest
from orchestrator.layouts.canvas import MOST_SIDE, canvas_of
from orchestrator.layouts.scene import Look, Microphone, Participant, Scene, Speaking, Track
from orchestrator.media import TrackSource

MOST_BYTES: Final = 4_000_000
"""Of a description."""
_MOST: Final = 1000
"""Participants, and tracks of one."""

_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
_Side = Annotated[int, Field(ge=0, le=2 * MOST_SIDE)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TrackDescription(_Strict):
    """A video track of a participant."""

    id: str | None = None
    source: TrackSource = TrackSource.CAMERA
    width: _Side = 1280
    height: _Side = 720
    muted: bool = False
    image: Path | None = None
    """A file that stands for its frames."""


class SpeakingDescription(_Strict):
    """When a participant spoke."""

    level: float = Field(0.5, ge=0, le=1)
    began_s: _Seconds = 0.0
    ended_s: _Seconds | None = None


class ParticipantDescription(_Strict):
    """Somebody in the room."""

    identity: str
    name: str = ""
    joined_s: _Seconds = 0.0
    microphone: Microphone = Microphone.ON
    tracks: list[TrackDescription] = Field([TrackDescription()], max_length=_MOST)
    speaking: SpeakingDescription | None = None


class LookDescription(_Strict):
    """What is drawn besides video; the fields of Look."""

    names: bool = True
    microphones: bool = True
    speaking_border: bool = True
    clock: bool = False
    everyone: bool = False
    background: _Color = "#111111"
    background_image: Path | None = None
    logo: Path | None = None


class SceneDescription(_Strict):
    """All of it."""

    canvas: str = "1280x720"
    time_s: _Seconds = 0.0
    participants: list[ParticipantDescription] = Field([], max_length=_MOST)
    stage: str | None = None
    shown: list[str] = []
    look: LookDescription = LookDescription()


@dataclass(frozen=True, slots=True)
class Described:
    """A scene, and the files that stand for its tracks' frames, by the tracks' ids."""

    scene: Scene
    images: Mapping[str, Path]


def described(data: bytes, folder: Path) -> Described:
    """The scene of a JSON description; files are named from `folder` on. InvalidRequest."""
    if len(data) > MOST_BYTES:
        raise InvalidRequest(f"The description is larger than {MOST_BYTES} bytes.")
    try:
        description = TypeAdapter(SceneDescription).validate_json(data)
    except ValidationError as error:
        raise InvalidRequest(
            f"The description of the scene is wrong: {_words(error)}.",
            "docs/layouts.md explains each field.",
        ) from None
    return _described(description, folder)


def _described(description: SceneDescription, folder: Path) -> Described:
    people = description.participants
    _refuse_repeated("participant", [each.identity for each in people])
    tracks, images = [], {}
    for each in people:
        for number, track in enumerate(each.tracks):
            made = _track(each.identity, number, track)
            tracks.append(made)
            if track.image is not None:
                images[made.id] = folder / track.image
    _refuse_repeated("track", [track.id for track in tracks])
    scene = Scene(
        canvas=canvas_of(description.canvas),
        participants=tuple(
            Participant(each.identity, each.name, each.joined_s, each.microphone) for each in people
        ),
        tracks=tuple(tracks),
        speakers=tuple(_speaking(each) for each in people if each.speaking),
        time_s=description.time_s,
        stage=description.stage,
        shown=tuple(description.shown),
        look=_look(description.look, folder),
    )
    return Described(scene, images)


def _track(identity: str, number: int, track: TrackDescription) -> Track:
    id = track.id or f"{identity}/{number}"
    return Track(id, identity, track.source, track.width, track.height, track.muted)


def _speaking(each: ParticipantDescription) -> Speaking:
    said = each.speaking or SpeakingDescription()
    return Speaking(each.identity, said.level, said.began_s, said.ended_s)


def _look(look: LookDescription, folder: Path) -> Look:
    fields: dict[str, Any] = dict(look)
    for name in ("background_image", "logo"):
        if fields[name] is not None:
            fields[name] = str(folder / fields[name])
    return Look(**fields)


def _refuse_repeated(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidRequest(f"The description has two of {what} {name[:80]!r}.")
        seen.add(name)


def _words(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
