"""The rows of the report. The figures are made up; the report of a real file is in test_inspect."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.cli.inspection_table import rows
from orchestrator.mediafiles.inspect.report import (
    FrameTimes,
    Inspection,
    KeyFrames,
    OtherStream,
    SizeChange,
    Stretches,
    Traffic,
)
from tests.kit.mediafiles.reports import AUDIO, CONTENT, FOUR, ONE, TIMES, VIDEO, WELL


def by_name(found: Inspection) -> dict[str, str]:
    return {name.strip(): value for name, value in rows(found)}


def test_a_good_file() -> None:
    assert rows(WELL) == [
        ("file", "x.mp4"),
        ("container", "mov,mp4, 2.0 MB, 1:00.0 (1:00.0 by its header), 267 kbit/s"),
        ("video 0", "h264 High, 1280x720 yuv420p, 30.00 fps by its header, 133 kbit/s"),
        ("  frames", "1800 of 1800 packets; decode errors 0, damaged frames 0"),
        ("  from, to", "0.000 s, 60.000 s"),
        ("  rate", "30.00 fps mean, 30.00 fps median"),
        (
            "  intervals",
            "median 33.3 ms, p95 33.3 ms, longest 33.3 ms; jitter 0.0 ms; time unit 1/90000 s",
        ),
        ("  gaps", "none over 250.0 ms"),
        ("  keyframes", "30, every 2.00 s, at most 2.00 s"),
        ("  still", "none"),
        ("  black", "none"),
        ("audio 1", "aac LC, 48000 Hz stereo fltp, 133 kbit/s"),
        ("  frames", "2812 of 2813 packets; decode errors 0, damaged frames 0"),
        ("  from, to", "0.000 s, 60.000 s"),
        ("  samples", "2880000 decoded, 2880000 by the times"),
        ("  gaps", "none"),
        ("  silence", "none"),
        ("  level", "-6.0 dBFS peak, -20.0 dBFS RMS, 0 samples at full scale"),
        ("offset", "audio begins +0 ms, ends +0 ms from the video"),
    ]


def test_streams_stand_in_the_order_of_the_file() -> None:
    swapped = replace(WELL, video=(replace(VIDEO, index=1),), audio=(replace(AUDIO, index=0),))
    names = [name for name, _ in rows(swapped) if not name.startswith(" ")]
    assert names == ["file", "container", "audio 0", "video 1", "offset"]


def test_passages_are_listed_longest_first() -> None:
    times = replace(TIMES, gaps=FOUR, backward_times=ONE, duplicate_times=3)
    odd = by_name(replace(WELL, audio=(), video=(replace(VIDEO, times=times, still=ONE),)))
    listed = "2.100 s at 0:14.2, 1.500 s at 0:03.0, 0.500 s at 0:20.0"
    assert odd["gaps"] == f"4 over 250.0 ms; 4.500 s in all; the longest: {listed}"
    assert odd["still"] == "1: 2.100 s at 0:14.2"
    assert odd["times"] == "3 duplicate, 1 backwards, 0 missing"


def test_sizes_overlaps_and_damage() -> None:
    sizes = (SizeChange(5.0, 640, 360), SizeChange(None, 1280, 720))
    video = replace(VIDEO, sizes=sizes, traffic=Traffic(1800, 10**6, None, 2))
    odd = by_name(replace(WELL, audio=(), video=(video,)))
    assert odd["sizes"] == "640x360 at 0:05.0, 1280x720 at -"
    assert odd["frames"].startswith("1800 of 1800 packets (2 damaged); ")
    assert odd["video 0"].endswith(", - kbit/s")
    audio = replace(AUDIO, sound=replace(CONTENT, overlaps=ONE))
    assert by_name(replace(WELL, audio=(audio,)))["overlaps"] == "1: 2.100 s at 0:14.2"


def test_what_was_not_measured_is_no_zero() -> None:
    nothing = FrameTimes(None, None, None, None, None, None, None, None, 0, Stretches(0, 0, ()), 0)
    video = replace(
        VIDEO,
        decoding=None,
        times=nothing,
        key_frames=KeyFrames(1, None, None),
        still=None,
        black=None,
        start_s=None,
    )
    audio = replace(AUDIO, index=1, decoding=None, sound=None)
    bare = replace(WELL, decoded=False, duration_s=None, video=(video,), audio=())
    shown = by_name(replace(bare, measured_duration_s=None, start_offset_s=None))
    assert shown["container"] == "mov,mp4, 2.0 MB, not measured, 267 kbit/s"
    assert shown["frames"] == "1800 packets; decoded: not measured"
    assert shown["rate"] == "- fps mean, - fps median"
    assert shown["from, to"] == "- s, 60.000 s"
    assert shown["keyframes"] == "1"
    for name in ("intervals", "gaps", "still", "black"):
        assert shown[name] == "not measured"
    assert "offset" not in shown
    assert by_name(replace(WELL, video=(), audio=(audio,)))["level"] == "not measured"


def test_levels_that_are_none() -> None:
    def level(peak: float | None, rms: float | None, full: int | None) -> str:
        audio = replace(CONTENT, peak=peak, rms=rms, full_scale_samples=full)
        return by_name(replace(WELL, audio=(replace(AUDIO, sound=audio),)))["level"]

    assert level(0.0, 0.0, 0) == (
        "digital silence peak, digital silence RMS, 0 samples at full scale"
    )
    assert level(None, None, None) == (
        "not measured peak, not measured RMS, - samples at full scale"
    )


def test_tags_are_few_and_harmless() -> None:
    tags = {"major_brand": "isom", "title": "a\x1b]0;b\x07\nc"} | {f"t{n}": "x" for n in range(20)}
    shown = by_name(replace(WELL, tags=tags))
    assert "major_brand" not in shown
    assert shown["title"] == "a ]0;b  c"
    assert len([name for name in shown if name.startswith("t")]) == 10


def test_other_streams() -> None:
    others = (OtherStream(2, "subtitle", "subrip", 9, {}), OtherStream(3, "data", None, 1, {}))
    shown = by_name(replace(WELL, other=others))
    assert shown["subtitle 2"] == "subrip, 9 packets"
    assert shown["data 3"] == "unknown codec, 1 packets"
