"""H.264 with libx264, AAC, in MP4: plays everywhere, about a quarter of a core at 720p30."""

from __future__ import annotations

from typing import Any

import ffmpeg

from orchestrator.encoding.pipeline import Job, LaterJob

FORMAT = "mp4"
EXTENSION = "mp4"
CONTAINER = "mp4"
SEGMENT_SUFFIX = ".mp4"
MIME_TYPE = "video/mp4"
VIDEO_CODEC = "libx264"
AUDIO_CODEC = "aac"
SPEEDS = ("faster", "veryfast", "superfast", "ultrafast")
"""x264's own presets. Those before `faster` need other headers (below), for 0.8 VMAF."""
COSTS = (0.0103, 0.0078, 0.0060, 0.0049)
"""CPU seconds per megapixel of each (docs/capacity.md)."""
DEFAULT_SPEED = 1
MIXED_SIZES = True
"""Where segments of several frame sizes are joined, every keyframe carries its parameter sets."""
LATER_CRFS = {"low": 27, "medium": 23, "high": 20}
LATER_LARGEST_CRF = 51


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
            "preset:v": SPEEDS[job.speed],
            # The profile that every browser and phone decodes in hardware.
            "profile:v": "high",
            # Few frames held back, as they are lost in a crash: no B-frames, two of look-ahead,
            # threads that share a frame instead of each holding one. It matters most while the
            # camera is off, at one frame a second. Costs 1.3 VMAF, saves a third of the CPU;
            # without any look-ahead it would cost 4.7.
            "bf": 0,
            # What stands in the headers (SPS and PPS) is the same at every step, as a file has
            # only one of them: one reference, CABAC, 8x8 transform, weighted prediction.
            # An I-frame is an IDR frame however near the last one is (min-keyint): ffmpeg marks
            # both as points to seek to, and joins put parameter sets only before IDR frames.
            "x264-params": "rc-lookahead=2:sync-lookahead=0:sliced-threads=1"
            ":ref=1:cabac=1:8x8dct=1:weightp=1:stitchable=1:min-keyint=1",
            # The rate asked for, on the average and at most, over two seconds.
            "b:v": job.video_bitrate_bps,
            "maxrate:v": job.video_bitrate_bps,
            "bufsize:v": 2 * job.video_bitrate_bps,
            # As few as keep pace: each is a slice of the frame, and no slice knows another.
            "threads:v": job.threads,
            "c:a": AUDIO_CODEC,
            "b:a": job.audio_bitrate_bps,
        },
    )


def build_later(job: LaterJob) -> Any:
    """A chunk of H.264, as small as the quality allows."""
    rate = {"crf": job.crf} if job.crf is not None else {"b:v": job.video_bitrate_bps}
    return ffmpeg.output(
        job.video,
        job.output,
        **{
            **job.safe_options,
            "c:v": VIDEO_CODEC,
            "preset:v": "slow",
            "profile:v": "high",
            **rate,
            "g": job.keyframe_frames,
            # All chunks have the same headers (SPS and PPS), as a file has only one of them.
            "x264-params": "stitchable=1",
            "threads:v": job.threads,
        },
    )
