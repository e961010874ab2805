"""AV1 with libaom, AAC, in MP4: small files, less than a core at 720p30.

ffmpeg's defaults for libaom are six times slower than real time; every flag below that looks
unusual is there because a live stream doesn't wait.
"""

from __future__ import annotations

from typing import Any

import ffmpeg

from orchestrator.encoding.pipeline import Job

FORMAT = "av1"
EXTENSION = "av1"
CONTAINER = "mp4"
SEGMENT_SUFFIX = ".mp4"
MIME_TYPE = "video/mp4"
VIDEO_CODEC = "libaom-av1"
AUDIO_CODEC = "aac"
SPEEDS = ("8", "9", "10", "11")
"""libaom's own cpu-used."""
COSTS = (0.0372, 0.0315, 0.0307, 0.0194)
"""CPU seconds per megapixel of each (docs/capacity.md)."""
DEFAULT_SPEED = 2
SMALL = 640 * 480
"""Pixels below which libaom's steps beyond 8 leave small changes out of the picture: of 150 frames
with a number in bars, 30 showed a wrong one at 320x180, none from 854x480 on."""


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
            # Made for calls: one pass, no frames held back.
            "usage": "realtime",
            # ffmpeg's own option ends at 8 ...
            "cpu-used": 8,
            # ... libaom's goes on to 11. Last one wins.
            "aom-params": f"cpu-used={_cpu_used(job)}",
            # Rows of one tile on several cores.
            "row-mt": 1,
            # Columns of tiles for the cores beyond that; two from 720p, four from 1440p.
            "tile-columns": 0 if job.width < 960 else 1 if job.width < 2560 else 2,
            # Look-ahead is delay, and memory in raw frames.
            "lag-in-frames": 0,
            # The rate asked for, on the average and at most, over two seconds.
            "b:v": job.video_bitrate_bps,
            "maxrate:v": job.video_bitrate_bps,
            "bufsize:v": 2 * job.video_bitrate_bps,
            # A point to seek to each two seconds, by time, as frames come at no fixed rate.
            "force_key_frames:v": "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))",
            # The machine may be shared; 0 lets the encoder choose.
            "threads:v": job.threads,
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


def _cpu_used(job: Job) -> str:
    """The step asked for; the slowest one for small pictures, which are cheap anyway."""
    return SPEEDS[0] if job.width * job.height < SMALL else SPEEDS[job.speed]
