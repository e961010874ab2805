"""Cues from lines: interim texts become the final one, and begin when they were first heard."""

from __future__ import annotations

from typing import Any

from orchestrator.recordings.room_data.captions import Captions
from orchestrator.recordings.room_data.webvtt import Cue

ANN = {"identity": "ann", "name": "Ann"}


def said(at_s: float, text: str, *, final: bool = True, segment: str = "1", **more: Any) -> Any:
    line = {"type": "transcription", "at_s": at_s, "text": text, "final": final}
    return {"participant": ANN, **line, "segment": segment, **more}


def spoken(*lines: dict[str, Any]) -> list[Cue]:
    captions = Captions()
    for each in lines:
        captions.add(each)
    captions.finish()
    return captions.spoken


def test_interim_texts_become_one_cue_from_the_first_to_the_final() -> None:
    lines = [said(2, "hel", final=False), said(3, "hello", final=False), said(4.5, "Hello!")]
    assert spoken(*lines) == [Cue(2, 4.5, "Ann", "Hello!")]


def test_a_stream_that_was_written_while_it_was_spoken_has_its_beginning() -> None:
    assert spoken(said(9, "a long sentence", began_s=5.0)) == [Cue(5, 9, "Ann", "a long sentence")]


def test_where_only_the_end_is_known_it_began_as_long_before_as_it_takes_to_say() -> None:
    first, second = spoken(said(10, "x" * 30), said(11, "y" * 60, segment="2"))
    assert first == Cue(8, 10, "Ann", "x" * 30)
    assert second.start_s == 10, "not into what it said before"
    assert spoken(said(0.2, "hello there"))[0].start_s == 0


def test_what_never_becomes_final_stays() -> None:
    assert spoken(said(2, "half", final=False)) == [Cue(2, 3, "Ann", "half")]


def test_two_who_speak_at_once_have_cues_of_their_own() -> None:
    bob: dict[str, Any] = {"participant": {"identity": "bob"}}
    captions = Captions()
    for line in (said(1, "a", final=False), said(2, "b", **bob), said(3, "c")):
        captions.add(line)
    captions.finish()
    assert sorted(cue.name for cue in captions.spoken) == ["Ann", "bob"]
    assert captions.speakers == 2


def test_chat_is_shown_long_enough_to_be_read() -> None:
    captions = Captions()
    for text, more in (("hi", {}), ("x" * 500, {}), ("gone", {"deleted": True}), (" ", {})):
        captions.add({"type": "chat", "at_s": 5.0, "text": text, "participant": ANN, **more})
    assert [(cue.start_s, cue.end_s) for cue in captions.chat] == [(5, 8), (5, 13)]
