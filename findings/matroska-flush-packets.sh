#!/usr/bin/env bash
# Matroska with flush_packets=1 and cluster_time_limit=500: a SIGKILL costs all since the last frame but one.
#
# Guess:   flush_packets ("reduce the latency by flushing out packets immediately") writes each packet to the file
#          as it comes, as it does in MPEG-TS, FLV and NUT; at worst cluster_time_limit ("store at most the provided
#          number of milliseconds in a cluster") bounds what is in memory, so half a second is lost.
# Version: PyAV 18.1.0 (its FFmpeg 8.1.2).
# Seen:    the muxer holds a cluster in memory, and ends it only when a packet comes that is beyond the limit: no
#          clock runs. Of a still screen with one frame each 5 s, a frame is written when the next one is given, so
#          the newest is always missing, however long ago it was; without cluster_time_limit it is two.
#          With audio beside it there is a packet each 21 ms, and still 5.5 s of audio are lost: libavformat
#          keeps audio back until the next video packet, to interleave (up to max_interleave_delta, 10 s).
#          With both at 0.5 s, 1.1 s are lost; in MPEG-TS with the latter alone, 0.6 s.
#
#          frames at 0, 5, ... 25 s given to the muxer, SIGKILL before the one at 30 s; what can be read, up to:
#          still screen  mkv  flush                       video 15 s
#          still screen  mkv  flush, cluster              video 20 s
#          still screen  ts   flush                       video 25 s
#          still screen  flv  flush                       video 25 s
#          still screen  nut  flush                       video 25 s
#          with audio    mkv  flush, cluster              video 20 s, audio 24.5 s of 30.0 s
#          with audio    mkv  flush, cluster, interleave  video 25 s, audio 28.9 s of 30.0 s
#          with audio    ts   flush, interleave           video 25 s, audio 29.4 s of 30.0 s
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: av==18.1.0

cat >record.py <<'PYTHON'
"""Gives the muxer what a recording of 30 s would, waits, and is killed."""

import json
import sys
from fractions import Fraction

import av

RATE, SAMPLES, INTERVAL_S, FRAMES = 48000, 1024, 5, 6
name, with_audio, options = sys.argv[1], sys.argv[2] == "with audio", json.loads(sys.argv[3])


def blank(frame, pts, time_base):
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.pts, frame.time_base = pts, time_base
    return frame


file = av.open(name, "w", options=options)
video = file.add_stream("libx264", rate=30, options={"preset": "ultrafast", "tune": "zerolatency"})
video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
audio = file.add_stream("aac", rate=RATE) if with_audio else None
samples = 0
for number in range(FRAMES):
    file.mux(video.encode(blank(av.VideoFrame(160, 96, "yuv420p"), number * INTERVAL_S * 30, Fraction(1, 30))))
    while audio and samples + SAMPLES <= (number + 1) * INTERVAL_S * RATE:
        frame = av.AudioFrame("fltp", "stereo", SAMPLES)
        frame.sample_rate = RATE
        file.mux(audio.encode(blank(frame, samples, Fraction(1, RATE))))
        samples += SAMPLES
print("given", flush=True)
sys.stdin.read()
PYTHON

cat >see.py <<'PYTHON'
import json
import subprocess
import sys

import av

FLUSH, CLUSTER = {"flush_packets": "1"}, {"cluster_time_limit": "500"}
INTERLEAVE = {"max_interleave_delta": "500000"}
RUNS = [  # what, container, options, the times in s up to which video and audio are in the file
    ("still screen", "mkv", FLUSH, 15, None),
    ("still screen", "mkv", FLUSH | CLUSTER, 20, None),
    ("still screen", "ts", FLUSH, 25, None),
    ("still screen", "flv", FLUSH, 25, None),
    ("still screen", "nut", FLUSH, 25, None),
    ("with audio", "mkv", FLUSH | CLUSTER, 20, 24.5),
    ("with audio", "mkv", FLUSH | CLUSTER | INTERLEAVE, 25, 28.9),
    ("with audio", "ts", FLUSH | INTERLEAVE, 25, 29.4),
]


def record_and_kill(name, what, options):
    process = subprocess.Popen(
        [sys.executable, "record.py", name, what, json.dumps(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with process:
        given = process.stdout.readline()
        process.kill()
    assert given == "given\n", "the recording failed"


def last_times(name):
    """The last time in the file of video and of audio, in seconds from the first video packet."""
    first, last = None, {}
    with av.open(name) as file:
        for packet in file.demux():
            if packet.size:
                time = float(packet.pts * packet.time_base)
                first = time if first is None and packet.stream.type == "video" else first
                last[packet.stream.type] = max(time, last.get(packet.stream.type, 0))
    return last["video"] - first, last["audio"] - first if "audio" in last else None


as_stated = True
print("frames at 0, 5, ... 25 s given to the muxer, SIGKILL before the one at 30 s; what can be read, up to:")
for what, container, options, video_stated, audio_stated in RUNS:
    record_and_kill(f"out.{container}", what, options)
    video, audio = last_times(f"out.{container}")
    names = ", ".join(name.split("_")[name.startswith("max")] for name in options)
    heard = "" if audio is None else f", audio {audio:.1f} s of 30.0 s"
    print(f"{what:13} {container:4} {names:27} video {video:.0f} s{heard}")
    as_stated &= abs(video - video_stated) < 0.1
    as_stated &= (audio is None) == (audio_stated is None) and abs((audio or 0) - (audio_stated or 0)) < 0.15
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
