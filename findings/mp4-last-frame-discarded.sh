#!/usr/bin/env bash
# A Matroska file copied into MP4: its last video frame is in the file, and FFmpeg decodes it no more.
#
# Guess:   `-c copy` keeps all packets, so the MP4 decodes to as many frames as the Matroska file did. What the
#          last one's duration is, which Matroska needn't say, matters to nobody.
# Version: FFmpeg 9.0.2 (imageio-ffmpeg 0.8.1) and PyAV 18.1.0 (its FFmpeg 8.1.2), each as writer and as reader.
# Seen:    a Matroska file of irregular times that says no frame rate, as one of a live stream: where the codec's own
#          headers give no duration either, the last sample's is 0. So the edit list ends at the time of that sample,
#          and FFmpeg's demuxer marks its packet to be discarded. All packets can be read, one frame less is
#          decoded, and nobody says so. Seen with AV1, VP9 and OpenH264's H.264, which has no timing in its
#          SPS; x264's and x265's parameter sets have it, and all their frames come back. A duration for the
#          last packet keeps the frame, and so does reading with ignore_editlist.
#
#                     MP4 written by                    packets  decoded by PyAV, ffmpeg
#          AV1        ffmpeg -c copy                    30       29, 29 (the last one is marked)
#          AV1        PyAV                              30       29, 29 (the last one is marked)
#          AV1        PyAV, last packet with duration   30       30, 30
#          VP9        ffmpeg -c copy                    30       29, 29 (the last one is marked)
#          OpenH264   ffmpeg -c copy                    30       29, 29 (the last one is marked)
#          x264       ffmpeg -c copy                    30       30, 30
#          x265       ffmpeg -c copy                    30       30, 30
#          (and eight more lines of the same)
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1 av==18.1.0

cat >see.py <<'PYTHON'
import subprocess
import sys

import av
import imageio_ffmpeg

FRAMES = 30
ENCODERS = {
    "AV1": "libsvtav1 -preset 12",
    "VP9": "libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 200k",
    "OpenH264": "libopenh264 -b:v 200k",
    "x264": "libx264 -preset ultrafast -tune zerolatency",
    "x265": "libx265 -preset ultrafast -x265-params log-level=none:bframes=0",
}
LOSE_THE_LAST = {"AV1", "VP9", "OpenH264"}


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def packets(name):
    with av.open(name) as file:
        return [packet for packet in file.demux(video=0) if packet.size]


def decoded(name):
    """The number of frames that PyAV decodes, and the number that ffmpeg does."""
    with av.open(name) as file:
        by_pyav = sum(1 for _ in file.decode(video=0))
    lines = ffmpeg("-i", name, "-fps_mode", "passthrough", "-f", "framecrc", "-").splitlines()
    return by_pyav, sum(not line.startswith("#") for line in lines)


def copy(source, target, irregular=False, last_duration=None):
    """The packets of one file in another one, which is told no frame rate."""
    with av.open(source) as file, av.open(target, "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in file.demux(video=0) if p.size):
            if irregular:  # 30 frames a second, each 0, 5 or 10 ms late; the time base is 1 ms
                packet.pts = packet.dts = round(number * 1000 / 30) + 5 * (number * 7 % 3)
                packet.duration = 0
            if last_duration and number == FRAMES - 1:
                packet.duration = last_duration
            packet.stream = stream
            out.mux(packet)


as_stated = True
print(f"{'':10} {'MP4 written by':33} packets  decoded by PyAV, ffmpeg")
for codec, encoder in ENCODERS.items():
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=30:d=1", "-c:v", *encoder.split(), "encoded.mkv")
    copy("encoded.mkv", "live.mkv", irregular=True)
    as_stated &= decoded("live.mkv") == (FRAMES, FRAMES)
    ffmpeg("-i", "live.mkv", "-c", "copy", "ffmpeg.mp4")
    copy("live.mkv", "pyav.mp4")
    copy("live.mkv", "duration.mp4", last_duration=33)
    for name, writer in (
        ("ffmpeg.mp4", "ffmpeg -c copy"),
        ("pyav.mp4", "PyAV"),
        ("duration.mp4", "PyAV, last packet with duration"),
    ):
        found, frames = packets(name), decoded(name)
        marked = [number for number, packet in enumerate(found) if packet.is_discard]
        said = " (the last one is marked)" if marked == [FRAMES - 1] else ""
        print(f"{codec:10} {writer:33} {len(found):<8} {frames[0]}, {frames[1]}{said}")
        lost = codec in LOSE_THE_LAST and name != "duration.mp4"
        as_stated &= len(found) == FRAMES
        as_stated &= frames == ((FRAMES - 1,) * 2 if lost else (FRAMES,) * 2)
        as_stated &= marked == ([FRAMES - 1] if lost else [])
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
