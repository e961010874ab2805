"""What a layout is given: who is in the room, which tracks they publish, who speaks, the canvas.

All of it is immutable. Times are seconds on one clock, the recording's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.layouts.canvas import Canvas
from orchestrator.media import TrackSource


class Microphone(StrEnum):
    """What is known of a participant's microphone."""

    ON = "on"
    MUTED = "muted"
    NONE = "none"
    """Nothing published."""


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in the room."""

    identity: str
    name: str = ""
    """As they call themselves, unchecked: drawing makes it safe."""
    joined_s: float = 0.0
    microphone: Microphone = Microphone.ON


@dataclass(frozen=True, slots=True)
class Track:
    """A video track, or the place of a participant who publishes none."""

    id: str
    identity: str
    """Of the participant who publishes it."""
    source: TrackSource = TrackSource.CAMERA
    width: int = 0
    """Of its frames now; 0: none has come yet."""
    height: int = 0
    muted: bool = False
    """The camera is off."""
    placeholder: bool = False
    """There is no track; initials stand for the participant."""

    @property
    def is_screen(self) -> bool:
        """Whether it is a shared screen."""
        return self.source is TrackSource.SCREEN_SHARE


@dataclass(frozen=True, slots=True)
class Speaking:
    """When a participant spoke, as LiveKit's SpeakersChanged says."""

    identity: str
    level: float = 0.0
    """From 0 (silent) to 1."""
    began_s: float = 0.0
    """When they began, now or the last time."""
    ended_s: float | None = None
    """When they ended; None: they still speak."""

    @property
    def active(self) -> bool:
        """Whether they speak now."""
        return self.ended_s is None


@dataclass(frozen=True, slots=True)
class Look:
    """What is drawn besides video. Colors are #rrggbb."""

    names: bool = True
    microphones: bool = True
    """A muted microphone is marked."""
    speaking_border: bool = True
    clock: bool = False
    """The recording's time, at the top right."""
    everyone: bool = False
    """Participants without a video track have a tile, too; in LiveKit's egress they have none."""
    background: str = "#111111"
    background_image: str | None = None
    """A file, scaled to cover the canvas."""
    logo: str | None = None
    """A file, at the top left, at most an eighth of the canvas high."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of a room."""

    canvas: Canvas
    participants: tuple[Participant, ...] = ()
    tracks: tuple[Track, ...] = ()
    """Those that are subscribed to."""
    speakers: tuple[Speaking, ...] = ()
    """At most one for each participant; those who never spoke have none."""
    time_s: float = 0.0
    stage: str | None = None
    """The identity that the speaker hold keeps on the stage; None: the first in order."""
    shown: tuple[str, ...] = ()
    """The tracks of the composition before, in its order: whoever can stays in place."""
    look: Look = Look()
