"""What an inspection says in words. The figures are made up; real ones are in test_read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.mediafiles.inspect.findings import clock, findings
from orchestrator.mediafiles.inspect.report import (
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
from tests.kit.mediafiles.reports import AUDIO, CONTENT, FOUR, ONE, TIMES, VIDEO, WELL


def said(found: Inspection) -> list[str]:
    return [f"{one.verdict}: {one.text}" for one in findings(found)]


def of_video(video: VideoReport) -> list[str]:
    return said(replace(WELL, video=(video,)))


def of_times(**changed: object) -> list[str]:
    return of_video(replace(VIDEO, times=replace(TIMES, **changed)))  # type: ignore[arg-type]


def of_audio(**changed: object) -> list[str]:
    audio = replace(CONTENT, **changed)  # type: ignore[arg-type]
    return said(replace(WELL, audio=(replace(AUDIO, sound=audio),)))


def test_nothing_is_odd_about_a_good_file() -> None:
    assert said(WELL) == [
        "ok: The video has no gap.",
        "ok: The audio has no gap.",
        "ok: Audio and video begin together.",
    ]


def test_a_pause_is_reported_with_length_and_place() -> None:
    assert "warning: The video pauses 2.1 s at 0:14.2." in of_times(gaps=ONE)
    text = "4 times, 4.5 s in all: 2.1 s at 0:14.2, 1.5 s at 0:03.0, 0.5 s at 0:20.0 and more."
    assert f"warning: The video pauses {text}" in of_times(gaps=FOUR)
    assert "ok: The video has no gap." not in of_times(gaps=ONE)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"duplicate_times": 1}, "1 frame has the same time as the frame before."),
        ({"duplicate_times": 3}, "3 frames have the same time as the frame before."),
        ({"backward_times": ONE}, "Frame times go backwards 2.1 s at 0:14.2."),
        ({"missing_times": 2}, "2 frames have no time."),
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
    texts = of_video(odd)
    assert "warning: The frame size changes 2 times: 640x360 at 0:05.0, 1280x720 at 0:09.0." in (
        texts
    )
    assert "warning: The video is frozen 2.1 s at 0:14.2." in texts
    assert "warning: The video is black 1:15.0 at 1:01:40.0." in texts
    assert "warning: Keyframes are up to 25.0 s apart: seeking is coarse." in texts


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"gaps": ONE}, "The audio has gaps: 2.1 s at 0:14.2."),
        ({"overlaps": ONE}, "Audio packets overlap 2.1 s at 0:14.2."),
        ({"silence": ONE}, "The audio is silent 2.1 s at 0:14.2."),
        ({"full_scale_samples": 7}, "The audio reaches full scale in 7 samples: it may clip."),
        ({"samples": 2_878_080}, "There is 0.04 s less audio than its times and gaps say."),
        ({"samples": 2_884_800}, "There is 0.10 s more audio than its times and gaps say."),
    ],
)
def test_odd_audio(changed: dict[str, object], text: str) -> None:
    assert f"warning: {text}" in of_audio(**changed)


def test_what_a_gap_lacks_is_reported_once() -> None:
    texts = of_audio(gaps=ONE, samples=2_880_000 - round(2.1 * 48_000))
    assert not [text for text in texts if "less sound" in text]


def test_audio_that_was_not_decoded_is_not_called_whole() -> None:
    silent = replace(WELL, audio=(replace(AUDIO, sound=None, decoding=None),))
    assert said(silent) == ["ok: The video has no gap.", "ok: Audio and video begin together."]


def test_damage_comes_first_and_is_a_failure() -> None:
    hurt = replace(
        VIDEO,
        traffic=Traffic(1800, 10**6, None, 1),
        decoding=Decoding(1790, 2, 3, "Invalid data", 14.2),
    )
    texts = said(replace(WELL, error="It is cut off at 14.2 s.", video=(hurt,)))
    assert texts[:4] == [
        "failed: The file is damaged: It is cut off at 14.2 s.",
        "failed: 1 video packet is damaged or incomplete.",
        "failed: 2 video packets are not decodable, the first at 0:14.2: Invalid data.",
        "failed: 3 decoded video frames are damaged.",
    ]


def test_a_damaged_stream_is_not_called_whole() -> None:
    hurt = replace(AUDIO, decoding=Decoding(1, 112, 0, "Invalid data", 0.1))
    assert "ok: The audio has no gap." not in said(replace(WELL, audio=(hurt,)))


def test_a_stream_of_which_nothing_decodes() -> None:
    dead = replace(AUDIO, decoding=Decoding(0, 5, 0, "Invalid data", None), sound=None)
    texts = said(replace(WELL, audio=(dead,)))
    assert "failed: None of the audio can be decoded." in texts
    assert (
        "failed: 5 audio packets are not decodable, the first at an unknown time: Invalid data."
        in (texts)
    )


def test_what_the_file_does_not_have() -> None:
    other = OtherStream(0, "video", None, 90, {})
    subtitles = OtherStream(2, "subtitle", None, 9, {})
    bare = replace(WELL, video=(), audio=(), other=(other, subtitles))
    bare = replace(bare, start_offset_s=None, end_offset_s=None)
    assert said(bare) == [
        "failed: Stream 0 (video) has a codec that can't be decoded here.",
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
