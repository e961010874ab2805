#!/usr/bin/env bash
# ffmpeg -c copy with the setts filter: pts= moves video and does nothing to audio, dts= moves audio and breaks video.
#
# Guess:   -bsf:a setts=pts=PTS+3/TB moves copied audio by three seconds, as -bsf:v does with video; so it is the way
#          to correct the offset of one track without encoding.
# Version: ffmpeg n9.0.2-17-g2a571b6068 (imageio-ffmpeg 0.8.1).
# Seen:    after the filters, ffmpeg sets the PTS of each copied audio packet to a value reckoned from its DTS. What
#          the filter made of PTS is gone, without a message and with exit status 0. Only ts= (both) means the same
#          for audio and video.
#
#          where the track begins, of 0 s before
#          filter              audio  video
#          setts=pts=PTS+3/TB  0.0 s  3.0 s
#          setts=dts=DTS+3/TB  3.0 s  0.0 s
#          setts=ts=TS+3/TB    3.0 s  3.0 s
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1 av==18.1.0
ffmpeg="$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')"
quiet=("$ffmpeg" -nostdin -hide_banner -loglevel fatal -y)

"${quiet[@]}" -f lavfi -i sine=duration=3 -f lavfi -i testsrc=duration=3:size=64x48 -c:a libopus -c:v libx264 -bf 0 in.mkv
for kind in audio video; do
    for filter in pts=PTS dts=DTS ts=TS; do
        "${quiet[@]}" -i in.mkv -map "0:${kind:0:1}" -c copy "-bsf:${kind:0:1}" "setts=$filter+3/TB" "$kind-${filter%=*}.mkv"
    done
done

cat >see.py <<'PYTHON'
import sys

import av

STATED = {"pts": (0.0, 3.0), "dts": (3.0, 0.0), "ts": (3.0, 3.0)}


def begins_s(name):
    with av.open(name) as file:
        return min(float(packet.pts * packet.time_base) for packet in file.demux() if packet.size)


as_stated = True
print("filter              audio  video")
for which, stated in STATED.items():
    seen = [begins_s(f"{kind}-{which}.mkv") for kind in ("audio", "video")]
    print(f"{f'setts={which}={which.upper()}+3/TB':20}{abs(seen[0]):.1f} s  {seen[1]:.1f} s")
    as_stated &= all(abs(a - b) < 0.1 for a, b in zip(seen, stated))
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
