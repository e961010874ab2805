#!/usr/bin/env bash
# Chromium's MediaRecorder in MP4 puts a video that begins late at the beginning: the whole file is out of sync.
#
# Guess:   MP4 and WebM of MediaRecorder differ in their container only: where the first video frame comes two
#          seconds after the audio began (a camera that is slow, a remote track), it is at two seconds in both.
# Version: Chromium 156.0.8078.108, read with PyAV 18.1.0.
# Seen:    in WebM it is. In MP4 each track begins at 0, and no edit list says otherwise, so the video is two
#          seconds early from its first frame to its last, VP9 as well as H.264. No error, no event.
#
#          first video frame 2 s after the audio began, 4 s recorded:
#          video/webm;codecs=vp8,opus  audio 0.00 to 3.90 s, video 2.01 to 3.91 s, edit lists: 0
#          video/mp4;codecs=vp9,opus   audio 0.00 to 3.90 s, video 0.00 to 1.90 s, edit lists: 0
#          video/mp4;codecs=avc3,opus  audio 0.00 to 3.90 s, video 0.00 to 1.90 s, edit lists: 0
set -euo pipefail
command -v chromium >/dev/null || { echo "Chromium is needed (Debian: apt install chromium)." >&2; exit 2; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: av==18.1.0 playwright==1.65.2

cat >see.py <<'PYTHON'
import base64
import sys
from pathlib import Path

import av
from playwright.sync_api import sync_playwright

TYPES = ("video/webm;codecs=vp8,opus", "video/mp4;codecs=vp9,opus", "video/mp4;codecs=avc3,opus")
RECORD = """async (mimeType) => {
    const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
    const canvas = Object.assign(document.createElement('canvas'), {width: 320, height: 180});
    const context = canvas.getContext('2d');
    const audio = new AudioContext(), tone = audio.createOscillator(), sink = audio.createMediaStreamDestination();
    tone.connect(sink);
    tone.start();
    const stream = new MediaStream([
        ...canvas.captureStream(20).getVideoTracks(), ...sink.stream.getAudioTracks()]);
    const recorder = new MediaRecorder(stream, {mimeType}), parts = [];
    recorder.ondataavailable = e => parts.push(e.data);
    recorder.start();
    await sleep(2000);
    let drawn = 0;  // nothing was drawn before, so the canvas gave no frame
    const drawing = setInterval(() => {
        context.fillStyle = `hsl(${drawn++ * 3} 80% 50%)`; context.fillRect(0, 0, 320, 180);
    }, 50);
    await sleep(2000);
    const stopped = new Promise(resolve => { recorder.onstop = resolve; });
    recorder.stop();
    await stopped;
    clearInterval(drawing);
    audio.close();
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa([...bytes].map(b => String.fromCharCode(b)).join(''));
}"""


def spans(path):
    """From when to when each kind of track has packets, in seconds."""
    times = {}
    with av.open(path) as file:
        for packet in file.demux():
            if packet.size:
                times.setdefault(packet.stream.type, []).append(float(packet.pts * packet.time_base))
    return {kind: (min(each), max(each)) for kind, each in times.items()}


begins = {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=sys.argv[1], args=["--headless=new", "--autoplay-policy=no-user-gesture-required"]
    )
    page = browser.new_page()
    for mime_type in TYPES:
        data = base64.b64decode(page.evaluate(RECORD, mime_type))
        Path("recorded").write_bytes(data)
        seen = spans("recorded")
        begins[mime_type] = {kind: begin for kind, (begin, _) in seen.items()}
        words = [f"{kind} {begin:.2f} to {end:.2f} s" for kind, (begin, end) in sorted(seen.items())]
        print(f"{mime_type:27} {', '.join(words)}, edit lists: {data.count(b'elst')}", flush=True)
    browser.close()

as_stated = all(
    begin["audio"] < 0.3 and (1.5 < begin["video"] < 2.5 if "webm" in mime_type else begin["video"] < 0.1)
    for mime_type, begin in begins.items()
)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py "$(command -v chromium)"
