"""AV1 with SVT-AV1, AAC, in MP4: no more CPU than x264's veryfast, for film of a live stream."""

from __future__ import annotations

from typing import Any

import ffmpeg

from orchestrator.encoding.pipeline import Job, LaterJob

FORMAT = "av1"
EXTENSION = "av1"
CONTAINER = "mp4"
SEGMENT_SUFFIX = ".mp4"
MIME_TYPE = "video/mp4"
VIDEO_CODEC = "libsvtav1"
AUDIO_CODEC = "aac"
SPEEDS = ("10", "11", "13")
"""SVT-AV1's own presets. Slower ones cost more and are no sharper in real time; 12 is hardly
cheaper than 11."""
COSTS = (0.0131, 0.0092, 0.0073)
"""CPU seconds per megapixel of each (docs/capacity.md)."""
DEFAULT_SPEED = 1
"""No more CPU than x264's veryfast for film of a live stream (docs/benchmarks.md)."""
LEAST_PIXELS = (0, 0, 960 * 540)
"""Preset 13 leaves small changes out of some frames: of 900 with a number in bars above film
3 showed a wrong one at 720p, of 150 with nothing else 3 at 854x480. The others don't."""
FIXED_RATE = True
"""It allocates bits by the frame rate that it was given at its start, not by the frames' times."""
SMALLEST_FRAME = (64, 64)
"""SVT-AV1 in real-time mode refuses smaller ones."""
MOST_THREADS = 6
"""Of its levels of parallelism."""
LATER_PRESET = 5
LATER_CRFS = {"low": 45, "medium": 38, "high": 30}


def build(job: Job) -> Any:
    """One MP4 file."""
    return ffmpeg.output(
        job.video,
        job.audio,
        job.output,
        **{
            # What keeps a recording safe: frames with their own times, a keyframe every 2 seconds,
            # a file that is whole up to the last second if ffmpeg is killed, and the tags.
            **job.safe_options,
            "c:v": VIDEO_CODEC,
            "preset:v": int(SPEEDS[job.speed]),
            # Low delay: a frame comes out when it went in, not a second later.
            # Real-time decisions: without them the steps from 10 on left small changes out of the
            # frame (17 of 120 frames showed a wrong number), at six times the bits.
            # Two layers of frames instead of three: with three it leaves a sixth of the bits
            # unused, and 5 VMAF with them; all steps have the same, as it stands in the header.
            # Its threads are its own option. Left to itself (0) it takes all cores and a quarter
            # more CPU for the same frames, hardly any sooner.
            # Its buffer is half full at the beginning and meant to stay so: else at five frames a
            # second it leaves a fifth of the bits unused for long.
            "svtav1-params": "pred-struct=1:rtc=1:hierarchical-levels=1"
            ":buf-initial-sz=1000:buf-optimal-sz=1000"
            f":lp={min(job.threads, MOST_THREADS)}",
            # Constant rate, which low delay needs: average and maximum are the same.
            "b:v": job.video_bitrate_bps,
            "maxrate:v": job.video_bitrate_bps,
            "bufsize:v": 2 * job.video_bitrate_bps,
            "c:a": AUDIO_CODEC,
            "b:a": job.audio_bitrate_bps,
        },
    )


def build_later(job: LaterJob) -> Any:
    """A chunk of AV1, as small as the quality allows."""
    rate = {"crf": job.crf} if job.crf is not None else {"b:v": job.video_bitrate_bps}
    return ffmpeg.output(
        job.video,
        job.output,
        **{
            **job.safe_options,
            "c:v": VIDEO_CODEC,
            "preset:v": LATER_PRESET,
            **rate,
            # A point to seek to each ten seconds at least.
            "g": job.keyframe_frames,
            # Its threads are its own option. Visual tuning (0) is what people see; PSNR (1), its
            # default, is what it measures.
            "svtav1-params": f"tune=0:lp={min(job.threads, MOST_THREADS)}",
        },
    )
