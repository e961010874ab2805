#!/usr/bin/env bash
# libaom in real-time mode at cpu-used 8, with all three cost updates off: frames that no decoder accepts.
#
# Guess:   coeff-, mode- and mv-cost-upd-freq only say how often an encoder estimates what things cost in bits,
#          so whatever they are, its stream decodes; at worst it is larger.
# Version: FFmpeg 9.0.2 with libaom 3.15 and dav1d (imageio-ffmpeg 0.8.1).
# Seen:    With all three at 3 (off, as browsers set them) or at 2 (once a tile), some frames are refused by dav1d
#          and by libaom itself ("Failed to decode tile data"), and all that follow until the next keyframe.
#          The encoder reports nothing and exits with 0. At cpu-used 8 only, of 6 to 11, and not while one of the
#          three is left as it is. Of 12 stretches of film at 3 bit rates, 320x180, 8 and 6 of 36 broke; none with
#          any two of the three off.
#
#          upd 3 3 3, cpu-used 8     refused by dav1d: yes, by libaom: yes
#          upd 2 2 2, cpu-used 8     refused by dav1d: yes, by libaom: yes
#          upd 3 3 -, cpu-used 8     refused by dav1d: no, by libaom: no
#          upd - 3 3, cpu-used 8     refused by dav1d: no, by libaom: no
#          upd - - -, cpu-used 8     refused by dav1d: no, by libaom: no
#          upd 3 3 3, cpu-used 7     refused by dav1d: no, by libaom: no
#          upd 3 3 3, cpu-used 9     refused by dav1d: no, by libaom: no
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1

cat >see.py <<'PYTHON'
import subprocess

import imageio_ffmpeg

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
OPTIONS = ("coeff-cost-upd-freq", "mode-cost-upd-freq", "mv-cost-upd-freq")
EXPECTED = {
    ("333", 8): True,
    ("222", 8): True,
    ("33-", 8): False,
    ("-33", 8): False,
    ("---", 8): False,
    ("333", 7): False,
    ("333", 9): False,
}


def run(*arguments):
    return subprocess.run([FFMPEG, "-hide_banner", "-v", "error", "-y", *arguments], capture_output=True, text=True)


def refused(updates, speed):
    """Whether dav1d and libaom refuse frames of what libaom made."""
    chosen = [f"{name}={value}" for name, value in zip(OPTIONS, updates) if value != "-"]
    made = run(
        "-f", "lavfi", "-i", "mandelbrot=s=320x180:r=30", "-t", "20", "-pix_fmt", "yuv420p",
        "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8",
        "-aom-params", ":".join([f"cpu-used={speed}", *chosen]), "-lag-in-frames", "0", "-threads", "1", "-g", "60",
        "-b:v", "500k", "-maxrate:v", "500k", "-bufsize:v", "1M", "out.mp4",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return [
        "Error submitting packet" in run("-c:v", decoder, "-i", "out.mp4", "-f", "null", "-").stderr
        for decoder in ("libdav1d", "libaom-av1")
    ]


changed = False
for (updates, speed), expected in EXPECTED.items():
    seen = refused(updates, speed)
    words = ["yes" if each else "no" for each in seen]
    print(f"upd {' '.join(updates)}, cpu-used {speed}     refused by dav1d: {words[0]}, by libaom: {words[1]}")
    changed |= seen != [expected, expected]
raise SystemExit(1 if changed else 0)
PYTHON
venv/bin/python see.py
