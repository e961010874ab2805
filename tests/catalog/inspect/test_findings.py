"""What an inspection says in words. The figures are made up; real ones are in test_read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.catalog.inspect.findings import clock, findings
from orchestrator.catalog.inspect.report import (
    Decoding,
    Inspection,
    KeyFrames,
    OtherStream,
    SizeChange,
    Stretch,
    Stretches,
    Traffic,
    VideoReport,
)
from tests.catalog.inspect.reports import AUDIO, FOUR, ONE, SOUND, TIMES, VIDEO, WELL


def said(found: Inspection) -> list[str]:
    return [f"{one.verdict}: {one.text}" for one in findings(found)]


def of_video(video: VideoReport) -> list[str]:
    return said(replace(WELL, video=(video,)))


def of_times(**changed: object) -> list[str]:
    return of_video(replace(VIDEO, times=replace(TIMES, **changed)))  # type: ignore[arg-type]


def of_sound(**changed: object) -> list[str]:
    sound = replace(SOUND, **changed)  # type: ignore[arg-type]
    return said(replace(WELL, audio=(replace(AUDIO, sound=sound),)))


def test_nothing_is_odd_about_a_good_file() -> None:
    assert said(WELL) == [
        "ok: The video has no gap.",
        "ok: The audio has no gap.",
        "ok: Audio and video begin together.",
    ]


def test_a_pause_is_told_with_length_and_place() -> None:
    assert "warning: The video pauses 2.1 s at 0:14.2." in of_times(gaps=ONE)
    text = "4 times, 4.5 s in all: 2.1 s at 0:14.2, 1.5 s at 0:03.0, 0.5 s at 0:20.0 and more."
    assert f"warning: The video pauses {text}" in of_times(gaps=FOUR)
    assert "ok: The video has no gap." not in of_times(gaps=ONE)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"duplicate_times": 1}, "1 picture has the time of the one before."),
        ({"duplicate_times": 3}, "3 pictures have the time of the one before."),
        ({"backward_times": ONE}, "Picture times go back 2.1 s at 0:14.2."),
        ({"missing_times": 2}, "2 pictures have no time."),
        ({"jitter_s": 0.02}, "The frame rate varies: one interval in 20 is over 20 ms off."),
    ],
)
def test_odd_times(changed: dict[str, object], text: str) -> None:
    assert f"warning: {text}" in of_times(**changed)


def test_a_little_jitter_is_nothing() -> None:
    assert of_times(jitter_s=0.002) == said(WELL)


def test_sizes_still_black_and_key_frames() -> None:
    sizes = (SizeChange(5.0, 640, 360), SizeChange(9.0, 1280, 720))
    odd = replace(
        VIDEO,
        size_changes=2,
        sizes=sizes,
        still=ONE,
        black=Stretches(1, 75.0, (Stretch(3700.0, 75.0),)),
        key_frames=KeyFrames(3, 20.0, 25.0),
    )
    told = of_video(odd)
    assert (
        "warning: The picture changes its size 2 times: 640x360 at 0:05.0, 1280x720 at 0:09.0."
        in (told)
    )
    assert "warning: The picture stands still 2.1 s at 0:14.2." in told
    assert "warning: The picture is black 1:15.0 at 1:01:40.0." in told
    assert "warning: Key frames are up to 25.0 s apart: players seek coarsely." in told


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"gaps": ONE}, "The audio has gaps: 2.1 s at 0:14.2."),
        ({"overlaps": ONE}, "Sound begins before the sound before it ends 2.1 s at 0:14.2."),
        ({"silence": ONE}, "The audio is silent 2.1 s at 0:14.2."),
        ({"full_scale_samples": 7}, "The audio reaches full scale in 7 samples: it may clip."),
        ({"samples": 2_878_080}, "There is 0.04 s less sound than its times and gaps say."),
        ({"samples": 2_884_800}, "There is 0.10 s more sound than its times and gaps say."),
    ],
)
def test_odd_sound(changed: dict[str, object], text: str) -> None:
    assert f"warning: {text}" in of_sound(**changed)


def test_what_a_gap_lacks_is_told_once() -> None:
    told = of_sound(gaps=ONE, samples=2_880_000 - round(2.1 * 48_000))
    assert not [text for text in told if "less sound" in text]


def test_sound_that_was_not_decoded_is_not_called_whole() -> None:
    silent = replace(WELL, audio=(replace(AUDIO, sound=None, decoding=None),))
    assert said(silent) == ["ok: The video has no gap.", "ok: Audio and video begin together."]


def test_damage_comes_first_and_is_a_failure() -> None:
    hurt = replace(
        VIDEO,
        traffic=Traffic(1800, 10**6, None, 1),
        decoding=Decoding(1790, 2, 3, "Invalid data", 14.2),
    )
    told = said(replace(WELL, error="It is cut off at 14.2 s.", video=(hurt,)))
    assert told[:4] == [
        "failed: The file is damaged: It is cut off at 14.2 s.",
        "failed: 1 picture packet is damaged or incomplete.",
        "failed: 2 picture packets are not decodable, the first at 0:14.2: Invalid data.",
        "failed: 3 decoded picture frames are damaged.",
    ]


def test_a_damaged_stream_is_not_called_whole() -> None:
    hurt = replace(AUDIO, decoding=Decoding(1, 112, 0, "Invalid data", 0.1))
    assert "ok: The audio has no gap." not in said(replace(WELL, audio=(hurt,)))


def test_a_stream_of_which_nothing_decodes() -> None:
    dead = replace(AUDIO, decoding=Decoding(0, 5, 0, "Invalid data", None), sound=None)
    told = said(replace(WELL, audio=(dead,)))
    assert "failed: Nothing of the sound can be decoded." in told
    assert (
        "failed: 5 sound packets are not decodable, the first at an unknown time: Invalid data."
        in (told)
    )


def test_what_the_file_does_not_have() -> None:
    other = OtherStream(0, "video", None, 90, {})
    subtitles = OtherStream(2, "subtitle", None, 9, {})
    bare = replace(WELL, video=(), audio=(), other=(other, subtitles))
    bare = replace(bare, start_offset_s=None, end_offset_s=None)
    assert said(bare) == [
        "failed: Stream 0 (video) is in a codec that nothing here decodes.",
        "warning: The file has no audio.",
    ]


@pytest.mark.parametrize(
    ("offset_s", "text"),
    [
        (0.044, "ok: Audio and video begin together."),
        (0.1, "warning: The audio begins 0.1 s after the video."),
        (-0.06, "warning: The audio begins 60 ms before the video."),
    ],
)
def test_the_beginning(offset_s: float, text: str) -> None:
    assert text in said(replace(WELL, start_offset_s=offset_s))


def test_the_end() -> None:
    assert said(replace(WELL, end_offset_s=0.4)) == said(WELL)
    assert "warning: The audio ends 3.0 s after the video." in said(replace(WELL, end_offset_s=3.0))
    assert "warning: The audio ends 3.0 s before the video." in (
        said(replace(WELL, end_offset_s=-3.0))
    )


@pytest.mark.parametrize(
    ("moment_s", "words"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (3661.5, "1:01:01.5"), (-0.3, "-0:00.3")],
)
def test_clock(moment_s: float, words: str) -> None:
    assert clock(moment_s) == words
