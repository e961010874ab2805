"""Inspections made up for tests of the words: a good file, and parts to make it odd with."""

from __future__ import annotations

from typing import Final

from orchestrator.mediafiles.inspect.report import (
    AudioContent,
    AudioHeader,
    AudioReport,
    Decoding,
    FrameTimes,
    Inspection,
    KeyFrames,
    Stretch,
    Stretches,
    Traffic,
    VideoHeader,
    VideoReport,
)

NONE: Final = Stretches(0, 0.0, ())
ONE: Final = Stretches(1, 2.1, (Stretch(14.2, 2.1),))
FOUR: Final = Stretches(4, 4.5, (Stretch(14.2, 2.1), Stretch(3.0, 1.5), Stretch(20.0, 0.5)))

TIMES: Final = FrameTimes(30.0, 30.0, 1 / 30, 1 / 30, 1 / 30, 0.0, 0.25, NONE, 0, NONE, 0)
VIDEO: Final = VideoReport(
    index=0,
    header=VideoHeader("h264", "High", 1280, 720, "yuv420p", 30.0, "1/90000", {}),
    start_s=0.0,
    end_s=60.0,
    traffic=Traffic(1800, 10**6, 133_333.0, 0),
    decoding=Decoding(1800, 0, 0, None, None),
    times=TIMES,
    key_frames=KeyFrames(30, 2.0, 2.0),
    size_changes=0,
    sizes=(),
    still=NONE,
    black=NONE,
)
CONTENT: Final = AudioContent(48_000, 2_880_000, 2_880_000, NONE, NONE, 0, NONE, 0.5, 0.1, 0)
AUDIO: Final = AudioReport(
    index=1,
    header=AudioHeader("aac", "LC", 48_000, 2, "stereo", "fltp", "1/48000", {}),
    start_s=0.0,
    end_s=60.0,
    traffic=Traffic(2813, 10**6, 133_333.0, 0),
    decoding=Decoding(2812, 0, 0, None, None),
    sound=CONTENT,
)
WELL: Final = Inspection(
    path="x.mp4",
    size_bytes=2 * 10**6,
    container="mov,mp4",
    duration_s=60.0,
    measured_duration_s=60.0,
    bitrate_bps=266_667.0,
    tags={},
    decoded=True,
    error=None,
    video=(VIDEO,),
    audio=(AUDIO,),
    other=(),
    start_offset_s=0.0,
    end_offset_s=0.0,
)
