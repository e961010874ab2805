#!/usr/bin/env bash
# ffmpeg as an HLS client takes no second EXT-X-MAP, and drops the first piece behind a discontinuity.
#
# Guess:   behind EXT-X-DISCONTINUITY with a new EXT-X-MAP (RFC 8216, 4.3.2.5) the demuxer reads the new header, as
#          hls.js does: two runs of an encoder, each with times from zero, play one after the other, 180 and 180 frames.
# Version: ffmpeg n9.0.2-17-g2a571b6068 (imageio-ffmpeg 0.8.1), playlists and pieces made by the same ffmpeg.
# Seen:    it fetches the second header and says "Found duplicated MOOV Atom. Skipped it": what follows is decoded with
#          the parameter sets of the first. Two H.264 runs that differ in their preset or in their size give hundreds
#          of decoding errors. Even with equal headers the frames of the second run's first piece, two seconds, aren't
#          decoded, without a word, though -c copy has all of its packets. The exit status is 0 each time.
#
#          two runs of six seconds, 30 frames a second    the second alone   both, frames   errors
#          H.264, the same                                180                300            none
#          H.264, preset ultrafast, then veryfast         180                207            yes
#          H.264, 320x180, then 640x360                   180                300            yes
#          VP9, 320x180, then 640x360                     180                300            none
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

import imageio_ffmpeg

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner"]
FASTEST, FAST = ["libx264", "-preset", "ultrafast"], ["libx264", "-preset", "veryfast", "-bf", "0"]
VP9 = ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]
SMALL, LARGE = "320x180", "640x360"
RUNS = {
    "H.264, the same": ((FASTEST, SMALL), (FASTEST, SMALL)),
    "H.264, preset ultrafast, then veryfast": ((FASTEST, SMALL), (FAST, SMALL)),
    "H.264, 320x180, then 640x360": ((FASTEST, SMALL), (FASTEST, LARGE)),
    "VP9, 320x180, then 640x360": ((VP9, SMALL), (VP9, LARGE)),
}
STATED = {
    "H.264, the same": (180, "fewer", "none"),
    "H.264, preset ultrafast, then veryfast": (180, "fewer", "errors"),
    "H.264, 320x180, then 640x360": (180, "fewer", "errors"),
    "VP9, 320x180, then 640x360": (180, "fewer", "none"),
}


def make(number, codec, size):
    source = f"testsrc2=size={size}:rate=30:duration=6"
    hls = ["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"]
    hls += ["-hls_fmp4_init_filename", f"{number}_init.mp4", "-hls_segment_filename", f"{number}_%d.m4s"]
    video = ["-c:v", *codec, "-force_key_frames", "expr:gte(t,n_forced*2)"]
    argv = [*FFMPEG, "-y", "-loglevel", "error", "-f", "lavfi", "-i", source, *video, *hls, f"{number}.m3u8"]
    subprocess.run(argv, check=True)


def both():
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for number in (0, 1):
        lines += ["#EXT-X-DISCONTINUITY"] * number + [f'#EXT-X-MAP:URI="{number}_init.mp4"']
        for piece in range(3):
            lines += ["#EXTINF:2.000,", f"{number}_{piece}.m4s"]
    with open("both.m3u8", "w") as playlist:
        playlist.write("\n".join([*lines, "#EXT-X-ENDLIST", ""]))


def played(playlist):
    argv = [*FFMPEG, "-loglevel", "error", "-allowed_extensions", "ALL", "-i", playlist]
    argv += ["-map", "0:v", "-fps_mode", "passthrough", "-f", "framecrc", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    frames = sum(not line.startswith("#") for line in done.stdout.splitlines())
    return frames, any("error" in line for line in done.stderr.splitlines())


as_stated = True
for name, runs in RUNS.items():
    for number, (codec, size) in enumerate(runs):
        make(number, codec, size)
    both()
    alone, (together, errors) = played("1.m3u8")[0], played("both.m3u8")
    seen = alone, "all" if together == 360 else "fewer" if together < 360 else "more", "errors" if errors else "none"
    print(f"{name:46} {alone}  {together} frames of both, errors: {errors}")
    as_stated &= seen == STATED[name]
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
