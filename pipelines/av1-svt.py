"""AV1 with SVT-AV1, AAC, in MP4: no more CPU than x264's veryfast, for film of a live stream."""

from __future__ import annotations

from typing import Any

import ffmpeg

from orchestrator.encoding.pipeline import Job

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
"""Preset 13 leaves small changes out of some pictures: of 900 with a number in bars above film
3 showed a wrong one at 720p, of 150 with nothing else 3 at 854x480. The others don't."""
MOST_THREADS = 6
"""Of its levels of parallelism."""


def build(job: Job) -> Any:
    """One MP4 file."""
    return ffmpeg.output(
        job.video,
        job.audio,
        job.output,
        **{
            # The file may be called .av1, from which ffmpeg can't tell the container.
            "f": CONTAINER,
            # Every frame keeps its own time: none is repeated or dropped to fill a rate.
            "fps_mode": "passthrough",
            # The input's clock, so that no time is rounded on its way into the file.
            "enc_time_base:v": "1:90000",
            "c:v": VIDEO_CODEC,
            "preset:v": int(SPEEDS[job.speed]),
            # Low delay: a frame comes out when it went in, not a second later.
            # Real-time decisions: without them the steps from 10 on left small changes out of the
            # picture (17 of 120 frames showed a wrong number), at six times the bits.
            # Two layers of pictures instead of three: with three it leaves a sixth of the bits
            # unused, and 5 VMAF with them; all steps have the same, as it stands in the header.
            # Its threads are its own option. Left to itself (0) it takes all cores and a quarter
            # more CPU for the same pictures, hardly any sooner.
            "svtav1-params": "pred-struct=1:rtc=1:hierarchical-levels=1"
            f":lp={min(job.threads, MOST_THREADS)}",
            # Constant rate, which low delay needs: average and maximum are the same.
            "b:v": job.video_bitrate_bps,
            "maxrate:v": job.video_bitrate_bps,
            "bufsize:v": 2 * job.video_bitrate_bps,
            # A point to seek to each two seconds, by time, as frames come at no fixed rate.
            "force_key_frames:v": "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))",
            "c:a": AUDIO_CODEC,
            "b:a": job.audio_bitrate_bps,
            # Whole up to the last second if ffmpeg is killed.
            "movflags": job.movflags,
            # A fragment each second, in microseconds: that much can be lost.
            "frag_duration": 1_000_000,
            # To the disk at once, not when a buffer is full.
            "flush_packets": 1,
            # Packets strictly in order of time: the MP4 muxer moves a picture by tens of
            # milliseconds when one track runs ahead. Both tracks always go on, so none waits long.
            "max_interleave_delta": 0,
            **job.metadata,
        },
    )
