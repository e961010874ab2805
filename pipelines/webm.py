"""VP9 with libvpx, Opus, in WebM: free of licences, about a quarter of a core at 720p30."""

from __future__ import annotations

from typing import Any

import ffmpeg

from orchestrator.encoding.pipeline import Job, LaterJob

FORMAT = "webm"
EXTENSION = "webm"
CONTAINER = "webm"
SEGMENT_SUFFIX = ".webm"
MIME_TYPE = "video/webm"
VIDEO_CODEC = "libvpx-vp9"
AUDIO_CODEC = "libopus"
SPEEDS = ("5", "6", "7", "8")
"""libvpx's own cpu-used."""
COSTS = (0.0189, 0.0130, 0.0124, 0.0103)
"""CPU seconds per megapixel of each (docs/capacity.md)."""
DEFAULT_SPEED = 3
LATER_CRFS = {"low": 40, "medium": 34, "high": 28}


def build(job: Job) -> Any:
    """One WebM file."""
    return ffmpeg.output(
        job.video,
        job.audio,
        job.output,
        **{
            # What keeps a recording safe: frames with their own times, a keyframe every 2 seconds,
            # a file that is whole up to the last second if ffmpeg is killed, and the tags.
            **job.safe_options,
            "c:v": VIDEO_CODEC,
            # Made for calls: no frame takes longer than it lasts.
            "deadline": "realtime",
            "cpu-used": int(SPEEDS[job.speed]),
            # Rows of one tile on several threads, where one isn't enough.
            "row-mt": 1,
            # Columns of tiles for more of them.
            "tile-columns": job.tile_columns,
            # Look-ahead is delay, and memory in raw frames.
            "lag-in-frames": 0,
            # Constant: without a minimum libvpx writes half as much again as it is asked for.
            "b:v": job.video_bitrate_bps,
            "minrate:v": job.video_bitrate_bps,
            "maxrate:v": job.video_bitrate_bps,
            "bufsize:v": job.video_bitrate_bps,
            # As few as keep pace: the machine has other recordings for the rest.
            "threads:v": job.threads,
            "c:a": AUDIO_CODEC,
            "b:a": job.audio_bitrate_bps,
        },
    )


def build_later(job: LaterJob) -> Any:
    """A chunk of VP9, as small as the quality allows."""
    # b:v 0 makes the CRF a quality, not the limit of a bit rate.
    rate = {"crf": job.crf, "b:v": 0} if job.crf is not None else {"b:v": job.video_bitrate_bps}
    return ffmpeg.output(
        job.video,
        job.output,
        **{
            **job.safe_options,
            "c:v": VIDEO_CODEC,
            # Not made for calls: frames out of order, and a look-ahead of 25 of them.
            "deadline": "good",
            "cpu-used": 2,
            **rate,
            "auto-alt-ref": 1,
            "lag-in-frames": 25,
            "row-mt": 1,
            # Columns of tiles for threads, none narrower than some 500 pixels.
            "tile-columns": 0 if job.width < 960 else 1 if job.width < 2560 else 2,
            "g": job.keyframe_frames,
            "threads:v": job.threads,
        },
    )
