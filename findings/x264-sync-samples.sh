#!/usr/bin/env bash
# x264 marks scene cuts as keyframes that are no IDR frames, so MP4's list of sync samples names frames
# at which no decoder can be configured anew.
#
# Guess:   a frame that x264 marks as a keyframe, and MP4 therefore as a sync sample, is an IDR frame
#          unless open GOPs are asked for; and a scene cut inside keyint_min is a plain I frame,
#          which isn't marked.
# Version: FFmpeg 9.0.2 with x264 core 165 (imageio-ffmpeg 0.8.1), Chromium 156.0.8078.108.
# Seen:    with one reference frame and no B-frames (-bf 0 with -preset veryfast, also -tune zerolatency)
#          a scene cut inside keyint_min is a slice of NAL unit type 1 without a recovery point message,
#          and is marked as a sync sample all the same. It can be decoded from: nothing behind it can
#          refer to what is before it. But Chromium's WebCodecs refuses it as a key frame.
#          With two reference frames neither is marked.
#
#          1 reference frame:  sync samples 0, 12, 21 with NAL units [6, 5] [1] [1]
#          2 reference frames: sync samples 0 with NAL units [6, 5]
#          VideoDecoder from sample 0: 36 frames
#          VideoDecoder from sample 12: 0 frames, DataError: ... wasn't a key frame. ...
#          VideoDecoder from sample 21: 0 frames, DataError: ... wasn't a key frame. ...
set -euo pipefail
command -v chromium >/dev/null || { echo "Chromium is needed (Debian: apt install chromium)." >&2; exit 2; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: imageio-ffmpeg==0.8.1 av==18.1.0 playwright==1.65.2

cat >see.py <<'PYTHON'
import base64
import subprocess
import sys

import av
import imageio_ffmpeg
from playwright.sync_api import sync_playwright

# Three shots: the second begins at frame 12, the third at frame 21, all inside keyint_min's 25.
SHOTS = (
    "testsrc2=s=320x240:r=30:d=0.4[a];mandelbrot=s=320x240:r=30,trim=duration=0.3,fps=30[b];"
    "smptebars=s=320x240:r=30:d=0.5[c];[a][b][c]concat=n=3"
)
DECODE = """async ([description, chunks]) => {
    const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
    let frames = 0;
    const decoder = new VideoDecoder({output: f => { frames++; f.close(); }, error: () => {}});
    decoder.configure({codec: 'avc1.64000d', description: bytes(description)});
    try {
        for (const [type, timestamp, data] of chunks)
            decoder.decode(new EncodedVideoChunk({type, timestamp, data: bytes(data)}));
        await decoder.flush();
    } catch (e) { return [frames, e.name + ': ' + e.message]; }
    return [frames, ''];
}"""


def nal_types(data):
    types, at = [], 0
    while at < len(data):
        types.append(data[at + 4] & 31)
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return types


def encode(refs):
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-filter_complex", SHOTS, "-c:v", "libx264",
         "-preset", "veryfast", "-bf", "0", "-refs", str(refs), "-g", "250", "-keyint_min", "25", "out.mp4"],
        check=True,
    )  # fmt: skip
    with av.open("out.mp4") as file:
        stream = file.streams.video[0]
        packets = [(p.is_keyframe, int(p.pts * p.time_base * 10**6), bytes(p)) for p in file.demux(stream) if p.size]
        return bytes(stream.codec_context.extradata), packets


def sync_samples(packets):
    return {number: nal_types(data) for number, (sync, _, data) in enumerate(packets) if sync}


text = lambda data: base64.b64encode(data).decode()
two = sync_samples(encode(2)[1])
description, packets = encode(1)
one = sync_samples(packets)
for name, samples in (("1 reference frame: ", one), ("2 reference frames:", two)):
    print(name, "sync samples", ", ".join(map(str, samples)), "with NAL units", *samples.values())

decoded = {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--headless=new"])
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page.goto("https://localhost/")  # WebCodecs needs a secure context; answered by the line above
    for first in one:
        chunks = [["key" if sync else "delta", time, text(data)] for sync, time, data in packets[first:]]
        frames, error = decoded[first] = page.evaluate(DECODE, [text(description), chunks])
        print(f"VideoDecoder from sample {first}: {frames} frames{error and ', ' + error}")
    browser.close()

as_stated = (
    one == {0: [6, 5], 12: [1], 21: [1]}
    and two == {0: [6, 5]}
    and decoded[0] == [36, ""]
    and all(frames == 0 and "wasn't a key frame" in error for frames, error in (decoded[12], decoded[21]))
)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py "$(command -v chromium)"
