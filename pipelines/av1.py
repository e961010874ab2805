"""AV1 with libaom, AAC, in MP4: small files, a third of a core at 720p30.

ffmpeg's defaults for libaom are six times slower than real time; every flag below that looks
unusual is there because a live stream doesn't wait.
"""

from __future__ import annotations

from typing import Any

import ffmpeg

from orchestrator.encoding.pipeline import Job, LaterJob

FORMAT = "av1"
EXTENSION = "av1"
CONTAINER = "mp4"
SEGMENT_SUFFIX = ".mp4"
MIME_TYPE = "video/mp4"
VIDEO_CODEC = "libaom-av1"
AUDIO_CODEC = "aac"
SPEEDS = ("7", "8", "9", "10", "11")
"""libaom's own cpu-used."""
COSTS = (0.0207, 0.0175, 0.0147, 0.0141, 0.0082)
"""CPU seconds per megapixel of each (docs/capacity.md)."""
DEFAULT_SPEED = 3
LEAST_PIXELS = (0, 0, 640 * 360, 960 * 540, 960 * 540)
"""Below these libaom leaves small changes out of the frame: of 150 frames with a number in bars
37 showed a wrong one at 320x180 with step 9, 42 and 54 at 640x360 with steps 10 and 11."""
LATER_CRFS = {"low": 42, "medium": 35, "high": 27}


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
            # Made for calls: one pass, no frames held back.
            "usage": "realtime",
            # ffmpeg's own option ends at 8 ...
            "cpu-used": 8,
            # ... libaom's goes on to 11. Last one wins.
            "aom-params": f"cpu-used={SPEEDS[job.speed]}"
            # The bit costs of coefficients and modes are updated at keyframes only, as browsers
            # have it: a fifth less CPU. Those of motion vectors are always updated, which takes
            # hardly any: with all three off, cpu-used 8 makes frames that no decoder accepts
            # (findings/libaom-cost-updates.sh).
            ":coeff-cost-upd-freq=3:mode-cost-upd-freq=3"
            # Tools for frames out of order, of which a live stream has none: 3 % less CPU.
            ":enable-order-hint=0",
            # Rows of one tile on several threads, where one isn't enough.
            "row-mt": 1,
            # Columns of tiles for more of them.
            "tile-columns": job.tile_columns,
            # Look-ahead is delay, and memory in raw frames.
            "lag-in-frames": 0,
            # The rate asked for, on the average and at most, over two seconds.
            "b:v": job.video_bitrate_bps,
            "maxrate:v": job.video_bitrate_bps,
            "bufsize:v": 2 * job.video_bitrate_bps,
            # As few as keep pace: two take up to a tenth more CPU than one.
            "threads:v": job.threads,
            "c:a": AUDIO_CODEC,
            "b:a": job.audio_bitrate_bps,
        },
    )


def build_later(job: LaterJob) -> Any:
    """A chunk of AV1, as small as the quality allows."""
    # b:v 0 makes the CRF a quality, not the limit of a bit rate.
    rate = {"crf": job.crf, "b:v": 0} if job.crf is not None else {"b:v": job.video_bitrate_bps}
    return ffmpeg.output(
        job.video,
        job.output,
        **{
            **job.safe_options,
            "c:v": VIDEO_CODEC,
            # Not made for calls: frames out of order, and a look-ahead of 35 of them.
            "usage": "good",
            "cpu-used": 4,
            **rate,
            "row-mt": 1,
            "g": job.keyframe_frames,
            "threads:v": job.threads,
        },
    )
