#!/usr/bin/env bash
# -force_key_frames with libaom, rav1e and x265: twice, never, and not when it is soon after another one.
#
# Guess:   ffmpeg's -force_key_frames 1.5,2,4.7 gives one keyframe at each of these times with every encoder.
# Version: FFmpeg 9.0.2 with libaom, SVT-AV1, rav1e, x264, x265 and libvpx (imageio-ffmpeg 0.8.1).
# Seen:    libaom in its good-quality mode (the default) follows each forced keyframe with another one in the
#          next frame, sometimes with two, at the full cost of a keyframe, also without lookahead; in
#          real-time mode it doesn't. rav1e gives none of them. x265 leaves out the one that is less than
#          min-keyint (25) frames after the one before, unless -forced-idr 1 is given; x264 needs no
#          such option for it. Nobody warns.
#
#          libx264                      0.00 1.50 2.00 4.70
#          libx265                      0.00 1.50 4.70
#          libx265 -forced-idr 1        0.00 1.50 2.00 4.70
#          libvpx-vp9                   0.00 1.50 2.00 4.70
#          libsvtav1                    0.00 1.50 2.00 4.70
#          libaom-av1 real time         0.00 1.50 2.00 4.70
#          libaom-av1 good              0.00 1.50 1.53 2.00 2.03 2.07 4.70 4.73
#          libaom-av1 good, no lag      0.00 1.50 1.53 2.00 2.03 4.70 4.73
#          librav1e                     0.00
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

ENCODERS = {
    "libx264": "libx264 -preset veryfast",
    "libx265": "libx265 -preset ultrafast -x265-params log-level=none",
    "libx265 -forced-idr 1": "libx265 -preset ultrafast -forced-idr 1 -x265-params log-level=none",
    "libvpx-vp9": "libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k",
    "libsvtav1": "libsvtav1 -preset 12 -b:v 500k",
    "libaom-av1 real time": "libaom-av1 -usage realtime -cpu-used 8 -b:v 500k",
    "libaom-av1 good": "libaom-av1 -usage good -cpu-used 8 -b:v 500k",
    "libaom-av1 good, no lag": "libaom-av1 -usage good -cpu-used 8 -b:v 500k -lag-in-frames 0",
    "librav1e": "librav1e -speed 10 -b:v 500k",
}
ASKED = [0.0, 1.5, 2.0, 4.7]


def keyframes(encoder):
    """The times of the decoded frames that are keyframes, in seconds."""
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=6",
         "-c:v", *encoder.split(), "-force_key_frames", "1.5,2,4.7", "out.mkv"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with av.open("out.mkv") as file:
        return [round(frame.time, 2) for frame in file.decode(video=0) if frame.key_frame]


seen = {}
for name, encoder in ENCODERS.items():
    seen[name] = keyframes(encoder)
    print(f"{name:28}", *(f"{time:.2f}" for time in seen[name]), flush=True)
expected = dict.fromkeys(ENCODERS, ASKED) | {"libx265": [0.0, 1.5, 4.7], "librav1e": [0.0]}
twice = [name for name in ENCODERS if name.startswith("libaom-av1 good")]
as_stated = all({*ASKED, 1.53, 2.03, 4.73} <= set(seen[name]) for name in twice) and all(
    seen[name] == expected[name] for name in ENCODERS if name not in twice
)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
