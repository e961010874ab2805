"""WebVTT of what others wrote: nothing of it becomes markup or changes the direction."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.recordings.room_data.webvtt import LONGEST_TEXT, Cue, webvtt


def test_a_file_is_in_order_and_has_voices() -> None:
    cues = [Cue(3661.5, 3663, "Bob", "late"), Cue(0, 1.25, "Ann", "hello\n\nworld")]
    assert webvtt(cues, names=False) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.250\n<v Ann>hello\nworld</v>\n\n"
        "01:01:01.500 --> 01:01:03.000\n<v Bob>late</v>\n"
    )


def test_names_may_be_in_the_text_and_may_be_missing() -> None:
    assert "<v Ann>Ann: hi</v>" in webvtt([Cue(0, 1, "Ann", "hi")], names=True)
    assert webvtt([Cue(0, 1, "", "hi")], names=True).endswith("00:00:01.000\nhi\n")


def test_markup_and_bidi_controls_have_no_effect() -> None:
    evil = "<b>&lt;</b>\n\n00:00:00.000 --> 99:00:00.000\n\u202eabc\x00\x1b[2J"
    text = webvtt([Cue(1, 2, "a</v>\n-->\u2066", evil)], names=True)
    assert text.count("\n\n") == 1, "one cue"
    assert text.count("-->") == 1, "one line of timings"
    assert re.findall(r"<[^>]*>", text) == ["<v a&lt;/v&gt; --&gt;>", "</v>"]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", text)


def test_text_without_anything_to_show_is_no_cue() -> None:
    assert webvtt([Cue(0, 1, "Ann", " \n\u200e ")], names=True) == "WEBVTT\n"


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_one_cue_with_one_voice(name: str, text: str) -> None:
    made = webvtt([Cue(1, 2, name, text)], names=False)
    header, *blocks = made.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    assert len(blocks) <= 1
    for block in blocks:
        first, *lines = block.split("\n")
        assert first == "00:00:01.000 --> 00:00:02.000"
        assert all(lines), "an empty line would end the cue"
        body = "\n".join(lines)
        assert "-->" not in body
        tags = re.findall(r"<", body)
        assert len(tags) in (0, 2), "the voice's, or none"


def test_long_text_is_cut() -> None:
    assert len(webvtt([Cue(0, 1, "", "x" * 10_000)], names=False)) < LONGEST_TEXT + 60
