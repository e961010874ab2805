"""Scenes described in JSON: what they mean, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.layouts import Canvas, Look, Microphone, Participant, Speaking, Track
from orchestrator.layouts.description import MOST_BYTES, Described, described
from orchestrator.media import TrackSource

FOLDER = Path("/where/it/lies")


def parsed(value: Any) -> Described:
    return described(json.dumps(value).encode(), FOLDER)


def test_an_empty_room() -> None:
    scene = parsed({}).scene
    assert scene.canvas == Canvas(1280, 720)
    assert (scene.participants, scene.tracks, scene.look) == ((), (), Look())


def test_everything() -> None:
    given = parsed(
        {
            "canvas": "720x1280",
            "time_s": 12.5,
            "stage": "ada",
            "shown": ["x"],
            "participants": [
                {
                    "identity": "ada",
                    "name": "Ada",
                    "joined_s": 3,
                    "microphone": "muted",
                    "speaking": {"level": 0.5, "began_s": 4, "ended_s": 5},
                    "tracks": [
                        {"id": "x", "width": 640, "height": 160, "muted": True},
                        {"source": "screen_share", "image": "slides.png"},
                    ],
                },
                {"identity": "bob"},
            ],
            "look": {"clock": True, "background": "#aAbBcC", "logo": "logo.png"},
        }
    )
    scene = given.scene
    assert scene.canvas == Canvas(720, 1280)
    assert (scene.time_s, scene.stage, scene.shown) == (12.5, "ada", ("x",))
    assert scene.participants == (
        Participant("ada", "Ada", 3.0, Microphone.MUTED),
        Participant("bob"),
    )
    assert scene.speakers == (Speaking("ada", 0.5, 4.0, 5.0),)
    assert scene.tracks == (
        Track("x", "ada", TrackSource.CAMERA, 640, 160, muted=True),
        Track("ada/1", "ada", TrackSource.SCREEN_SHARE, 1280, 720),
        Track("bob/0", "bob", TrackSource.CAMERA, 1280, 720),
    )
    assert given.images == {"ada/1": FOLDER / "slides.png"}
    assert scene.look == Look(clock=True, background="#aAbBcC", logo=str(FOLDER / "logo.png"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "The description of the scene is wrong: Input should be an object"),
        ({"participant": []}, "participant: Extra inputs are not permitted"),
        ({"participants": [{"name": "x"}]}, "participants.0.identity: Field required"),
        ({"participants": [{"identity": "a", "tracks": [{"width": -1}]}]}, "tracks.0.width"),
        ({"participants": [{"identity": "a"}] * 2}, "two of participant 'a'"),
        (
            {"participants": [{"identity": "a", "tracks": [{"id": "x"}, {"id": "x"}]}]},
            "two of track 'x'",
        ),
        ({"time_s": float("nan")}, "time_s"),
        ({"look": {"background": "red"}}, "look.background: String should match pattern"),
        ({"canvas": "3x3"}, "A canvas can't be '3x3'. Give WIDTHxHEIGHT, 1280x720"),
        ({"participants": [{"identity": str(n)} for n in range(1001)]}, "at most 1000"),
    ],
)
def test_what_is_refused(value: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parsed(value)
    assert words in str(raised.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 5000, b" " * (MOST_BYTES + 1)])
def test_what_is_no_json(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        described(data, FOLDER)
