#!/usr/bin/env bash
# ffmpeg -ss 0 on a file whose video begins late: all audio before the first video frame is gone.
#
# Guess:   `-ss 0` and seek(0) are the beginning of the file; `-ss 2` is the closest seek point before 2 s ("will seek
#          to the closest seek point before position"). Certainly so if only the audio is wanted, as each
#          packet of it is one.
# Version: FFmpeg 9.0.2 (imageio-ffmpeg 0.8.1), PyAV 18.1.0 (its FFmpeg 8.1.2).
# Seen:    a seek without a stream goes by the video, and where no keyframe of it is at or before the
#          position, to the first one behind it; the audio goes along. 10 s of audio whose video begins at 4 s: with
#          -ss 0, ffmpeg gives 6 s of audio, also with -vn as an input option, and nothing at all of 1 to 3 s.
#          The exit status is 0 and there is no warning but for the empty output (for a video from 6 s on, Matroska
#          had "could not seek to position"). PyAV's seek(0), the usual way to rewind, does the same. A seek by
#          the audio stream finds its place.
#
#                     seconds of audio, ffmpeg -i IN -vn out.wav
#                     plain   -ss 0   -ss 2   -vn -ss 2   -ss 1 -t 2   PyAV: first audio after seek(0), by audio
#          mkv         10.0     6.0     6.0         6.0          0.0   4.0 s, 0.0 s
#          mp4         10.0     6.0     6.0         6.0          0.0   4.0 s, 0.0 s
#          ts          10.0     6.2     6.2         6.2          0.0   3.8 s, 0.0 s
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

READS = ["", "-ss 0", "-ss 2", "-vn -ss 2", "-ss 1 -t 2"]


def ffmpeg(*arguments):
    """Runs ffmpeg and returns its warnings."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "warning", "-y", *arguments]
    return subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr


def seconds(options, name):
    """How much audio ffmpeg gives, in seconds, and its warnings."""
    warnings = ffmpeg(*options.split(), "-i", name, "-vn", "out.wav")
    with av.open("out.wav") as file:
        return sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0)), warnings


def first_audio(file):
    packet = next(packet for packet in file.demux(audio=0) if packet.size)
    return float(packet.pts * packet.time_base)


def first_after_seek(name):
    """The first audio after seek(0), by default and by the audio stream, in seconds from the file's beginning."""
    with av.open(name) as file:
        audio, begin = file.streams.audio[0], file.start_time
        file.seek(begin)
        by_default = first_audio(file)
        file.seek(int(begin / av.time_base / audio.time_base), stream=audio)
        return [time - begin / av.time_base for time in (by_default, first_audio(file))]


as_stated = True
print(f"{'':10} seconds of audio, ffmpeg -i IN -vn out.wav")
columns = "   ".join(f"{options or 'plain':>5}" for options in READS)
print(f"{'':10} {columns}   PyAV: first audio after seek(0), by audio")
for container in ("mkv", "mp4", "ts"):
    name = f"late.{container}"
    ffmpeg("-f", "lavfi", "-i", "sine=r=48000:d=10",
           "-itsoffset", "4", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=6", "-map", "1:v", "-map", "0:a",
           "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", name)  # fmt: skip
    got, warnings = zip(*(seconds(options, name) for options in READS))
    by_default, by_audio = first_after_seek(name)
    values = "   ".join(f"{value:{max(len(options), 5)}.1f}" for options, value in zip(READS, got))
    print(f"{container:10} {values}   {by_default:.1f} s, {abs(by_audio):.1f} s")
    as_stated &= abs(got[0] - 10) < 0.1 and all(abs(value - 6) < 0.5 for value in got[1:4]) and got[4] == 0
    as_stated &= not any(warnings[:4])
    as_stated &= abs(by_default - 4) < 0.5 and abs(by_audio) < 0.1
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
