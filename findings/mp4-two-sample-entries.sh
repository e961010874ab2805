#!/usr/bin/env bash
# Chromium stops at the second sample entry of an MP4's H.264 track.
#
# Guess:   an MP4 whose stsd has two avc1 entries (the standard's way for parameters that change in
#          mid-track) plays wherever FFmpeg plays it: Chromium's demuxer is FFmpeg's as well.
# Version: FFmpeg 9.0.2 (imageio-ffmpeg 0.8.1), Chromium 156.0.8078.108.
# Seen:    FFmpeg writes such a file and decodes all of it. Chromium plays the first entry's samples and
#          ends with a decode error at the second entry's, also when only the PPS is another one (CABAC,
#          then CAVLC). The same streams play to the end, and the size changes on the way, if the
#          parameter sets are in the samples too.
#
#          other size, second entry:     FFmpeg 120 frames; Chromium PIPELINE_ERROR_DECODE, 60 frames, 320x240
#          other size, sets in samples:  FFmpeg 120 frames; Chromium ended, 120 frames, 480x360
#          other PPS, second entry:      FFmpeg 120 frames; Chromium PIPELINE_ERROR_DECODE, 60 frames, 320x240
set -euo pipefail
command -v chromium >/dev/null || { echo "Chromium is needed (Debian: apt install chromium)." >&2; exit 2; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1 playwright==1.65.2

cat >see.py <<'PYTHON'
import base64
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
from playwright.sync_api import sync_playwright

PLAY = """async (file) => {
    const video = document.createElement('video');
    video.muted = true;
    video.src = URL.createObjectURL(new Blob([Uint8Array.from(atob(file), c => c.charCodeAt(0))], {type: 'video/mp4'}));
    const end = await new Promise(resolve => {
        video.onended = () => resolve('ended');
        video.onerror = () => resolve(video.error.message);
        setTimeout(() => resolve('not at the end after 20 s'), 20000);
        video.play();
    });
    const frames = video.getVideoPlaybackQuality().totalVideoFrames;
    return [end, frames, `${video.videoWidth}x${video.videoHeight}`];
}"""


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def shot(size, profile):
    """Two seconds of H.264 in Annex B, 60 frames."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=30:d=2", "-c:v", "libx264", "-profile:v", profile,
           "-bf", "0", "-g", "30", "shot.h264")  # fmt: skip
    return Path("shot.h264").read_bytes()


def write(name, stream, in_samples):
    """The parameter sets of each change as side data, from which the muxer makes another sample entry."""
    Path("stream.h264").write_bytes(stream)
    sets = f"extract_extradata=remove={0 if in_samples else 1}"
    ffmpeg("-r", "30", "-i", "stream.h264", "-c", "copy",
           "-bsf:v", f"{sets},setts=ts=N:duration=1:time_base=1/30", name)  # fmt: skip
    data = Path(name).read_bytes()
    assert int.from_bytes(data[data.find(b"stsd") + 8 :][:4], "big") == 2, f"{name} hasn't two sample entries"


small, large = shot("320x240", "main"), shot("480x360", "main")
cases = {
    "other size, second entry": (small + large, False),
    "other size, sets in samples": (small + large, True),
    "other PPS, second entry": (small + shot("320x240", "baseline"), False),
}
seen = {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--headless=new"])
    page = browser.new_page()
    for case, (stream, in_samples) in cases.items():
        write("out.mp4", stream, in_samples)
        lines = ffmpeg("-i", "out.mp4", "-fps_mode", "passthrough", "-f", "framecrc", "-").splitlines()
        decoded = sum(not line.startswith("#") for line in lines)
        end, frames, size = page.evaluate(PLAY, base64.b64encode(Path("out.mp4").read_bytes()).decode())
        seen[case] = decoded, "PIPELINE_ERROR_DECODE" if "PIPELINE_ERROR_DECODE" in end else end, frames, size
        print(f"{case + ':':29} FFmpeg {decoded} frames; Chromium {end}, {frames} frames, {size}")
    browser.close()

stopped = (120, "PIPELINE_ERROR_DECODE", 60, "320x240")
as_stated = list(seen.values()) == [stopped, (120, "ended", 120, "480x360"), stopped]
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py "$(command -v chromium)"
