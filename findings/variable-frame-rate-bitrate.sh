#!/usr/bin/env bash
# What a bit rate is a rate of: three of six encoders don't look at timestamps.
#
# Guess:   "-b:v 500k" is 500 kbit in a second of the frames' timestamps, whichever encoder: when a live
#          stream falls from 30 to 5 frames a second, each frame gets six times the bits.
# Version: FFmpeg 9.0.2 with libaom, SVT-AV1, x264, x265 and libvpx (imageio-ffmpeg 0.8.1).
# Seen:    x264 and libvpx do so. SVT-AV1 and x265 count frames: 5 frames a second get a fifth of the
#          bit rate or less, as they take the frame rate they were opened with for good.
#          libaom in real-time mode takes each frame for as long as the frame itself claims
#          (AVFrame.duration), whatever the next timestamp says: the same frames at the same times get
#          four times the bits if they claim 1/5 s rather than 1/30 s, as they do behind `select`, or
#          out of a container that has a frame rate but no durations.
#
#          kbit/s            30 fps    5 fps, frames claim 1/30 s
#          libx264              512                           472
#          libvpx               589                           460
#          libvpx-vp9           646                           620
#          libx265              510                            94
#          libsvtav1            694                           120
#          libaom-av1           492                           133
#          libaom-av1, same times, frames that claim 1/30 s: 134; 1/5 s: 493
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1

cat >see.py <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg

SECONDS, TARGET = 10, 500
LIMIT = ["-maxrate", "500k", "-bufsize", "500k"]
REAL_TIME = ["-deadline", "realtime", "-cpu-used", "8", "-minrate", "500k", "-maxrate", "500k"]
ENCODERS = {
    "libx264": ["-preset", "veryfast", *LIMIT],
    "libvpx": REAL_TIME,
    "libvpx-vp9": REAL_TIME,
    "libx265": ["-preset", "ultrafast", "-x265-params", "log-level=none", *LIMIT],
    "libsvtav1": ["-preset", "10", "-svtav1-params", "rc=2:pred-struct=1"],
    "libaom-av1": ["-usage", "realtime", "-cpu-used", "8", "-minrate", "500k", "-maxrate", "500k"],
}
ALL = f"testsrc2=s=640x360:r=30:d={SECONDS},noise=alls=20:allf=t"
SIXTH = ALL + ",select=not(mod(n\\,6))"  # keeps the frames' durations and the filter's frame rate, 1/30 s
# The same frames at the same times that claim 1/5 s. A last one of another rate, so that the encoder is
# opened without a frame rate either way and nothing but the durations differs.
CLAIMING = "{}[a];testsrc2=s=640x360:r=25:d=0.04[b];[a][b]concat"


def kbit_s(encoder, frames):
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-filter_complex", frames, "-fps_mode", "passthrough",
         "-c:v", encoder, "-b:v", f"{TARGET}k", *ENCODERS[encoder], "out.mkv"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return Path("out.mkv").stat().st_size * 8 / 1000 / SECONDS


print(f"{'kbit/s':12}{'30 fps':>12}{'5 fps, frames claim 1/30 s':>30}")
seen = {}
for encoder in ENCODERS:
    seen[encoder] = kbit_s(encoder, ALL), kbit_s(encoder, SIXTH)
    print(f"{encoder:12}{seen[encoder][0]:12.0f}{seen[encoder][1]:30.0f}", flush=True)
claims = {fps: kbit_s("libaom-av1", CLAIMING.format(frames)) for fps, frames in
          ((30, SIXTH), (5, ALL + ",fps=5"))}  # fmt: skip
print(f"libaom-av1, same times, frames that claim 1/30 s: {claims[30]:.0f}; 1/5 s: {claims[5]:.0f}")

kept = {encoder for encoder, (_, few) in seen.items() if few > TARGET * 0.8}
as_stated = (
    all(TARGET * 0.8 < many < TARGET * 1.5 for many, _ in seen.values())
    and kept == {"libx264", "libvpx", "libvpx-vp9"}
    and all(few < TARGET * 0.4 for encoder, (_, few) in seen.items() if encoder not in kept)
    and claims[30] < TARGET * 0.4 < TARGET * 0.8 < claims[5]
)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
