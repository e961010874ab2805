#!/usr/bin/env bash
# VP9 with spatial layers: FFmpeg's decoder gives the small layer, or both; libvpx gives the large one.
#
# Guess:   the spatial layers of one time, put into one packet, decode to one frame of the largest size with
#          either VP9 decoder of FFmpeg, as they do with libvpx in the browser and with dav1d for AV1.
# Version: Chromium 156.0.8078.108 as the encoder (scalabilityMode L2T1, the frames as the receiver's
#          createEncodedStreams gives them), PyAV 18.1.0 (its FFmpeg 8.1.2) as the decoder.
# Seen:    no decoder reports an error, and each has another result.
#          FFmpeg's `vp9` with the layers one behind the other (as RTP has them): only the first, small layer.
#          FFmpeg's `vp9` with a superframe index behind them: two frames of one timestamp, small and large.
#          `libvpx-vp9`: one frame, the large layer, either way. `libdav1d` with AV1: the same.
#          So a recording of such a stream has a quarter of the pixels, or twice the frames with a size that
#          changes each time, depending on the decoder's name and on the few bytes of an index.
#
#          158 times with two layers of VP9, 320x180 and 640x360
#            vp9         as in RTP           158 x 320x180
#            vp9         superframe index    158 x 320x180, 158 x 640x360
#            libvpx-vp9  as in RTP           158 x 640x360
#            libvpx-vp9  superframe index    158 x 640x360
#          159 times with two layers of AV1, 320x180 and 640x360
#            libdav1d    as in RTP           159 x 640x360
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
from collections import Counter

import av
from playwright.sync_api import sync_playwright

SMALL, LARGE = "320x180", "640x360"
SEND = """async (codec) => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 360});
    const context = canvas.getContext('2d');
    let drawn = 0;
    const drawing = setInterval(() => {
        context.fillStyle = `hsl(${drawn * 3} 80% 50%)`; context.fillRect(0, 0, 640, 360);
        context.fillStyle = 'white'; context.fillRect(drawn++ * 5 % 640, 50, 60, 60);
    }, 50);
    const sender = new RTCPeerConnection(), receiver = new RTCPeerConnection({encodedInsertableStreams: true});
    sender.onicecandidate = e => receiver.addIceCandidate(e.candidate);
    receiver.onicecandidate = e => sender.addIceCandidate(e.candidate);
    const transceiver = sender.addTransceiver(canvas.captureStream(20).getVideoTracks()[0], {
        direction: 'sendonly', sendEncodings: [{scalabilityMode: 'L2T1', maxBitrate: 2e6}]});
    transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(
        c => c.mimeType == 'video/' + codec));
    const frames = [];
    receiver.ontrack = e => {
        const streams = e.receiver.createEncodedStreams();
        streams.readable.pipeThrough(new TransformStream({transform(frame, onward) {
            const text = [...new Uint8Array(frame.data)].map(b => String.fromCharCode(b)).join('');
            const {width, height, spatialIndex} = frame.getMetadata();
            frames.push([frame.timestamp, spatialIndex, `${width}x${height}`, btoa(text)]);
            onward.enqueue(frame);
        }})).pipeTo(streams.writable);
        const video = Object.assign(document.createElement('video'), {muted: true});
        video.srcObject = new MediaStream([e.track]);
        video.play();
    };
    await sender.setLocalDescription();
    await receiver.setRemoteDescription(sender.localDescription);
    await receiver.setLocalDescription();
    await sender.setRemoteDescription(receiver.localDescription);
    await new Promise(resolve => setTimeout(resolve, 8000));
    sender.close(); receiver.close(); clearInterval(drawing);
    return frames;
}"""


def layers_by_time(frames):
    """From each time's frames, which came in the order of their layers: [(sizes, data)]."""
    times = {}
    for time, _, size, data in frames:
        times.setdefault(time, []).append((size, base64.b64decode(data)))
    return [([size for size, _ in layers], [data for _, data in layers]) for layers in times.values()]


def superframe(layers):
    """VP9's Annex B: the frames, and an index of their sizes between two marker bytes."""
    width = (max(map(len, layers)).bit_length() + 7) // 8
    marker = bytes([0b11000000 | (width - 1) << 3 | len(layers) - 1])
    return b"".join(layers) + marker + b"".join(len(d).to_bytes(width, "little") for d in layers) + marker


def decoded(decoder, join, times):
    """How many frames of which size come from the times that have both layers."""
    context = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    both = {number for number, (sizes, _) in enumerate(times) if sizes == [SMALL, LARGE]}
    found = []
    for number, (_, layers) in enumerate(times):
        packet = av.Packet(join(layers) if len(layers) > 1 else layers[0])
        packet.pts = number
        found += context.decode(packet)
    found += context.decode(None)
    return Counter(f"{frame.width}x{frame.height}" for frame in found if frame.pts in both)


CASES = {
    "VP9": [(name, how) for name in ("vp9", "libvpx-vp9") for how in ("as in RTP", "superframe index")],
    "AV1": [("libdav1d", "as in RTP")],
}
JOIN = {"as in RTP": b"".join, "superframe index": superframe}
as_stated = True
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--headless=new"])
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page.goto("https://localhost/")
    for codec, cases in CASES.items():
        times = layers_by_time(page.evaluate(SEND, codec))
        count = sum(sizes == [SMALL, LARGE] for sizes, _ in times)
        print(f"{count} times with two layers of {codec}, {SMALL} and {LARGE}")
        as_stated = as_stated and count >= 10
        for name, how in cases:
            sizes = decoded(name, JOIN[how], times)
            print(f"  {name:12}{how:20}{', '.join(f'{n} x {size}' for size, n in sizes.items())}", flush=True)
            expected = {"vp9": [SMALL] if how == "as in RTP" else [SMALL, LARGE]}.get(name, [LARGE])
            as_stated = as_stated and sizes == {size: count for size in expected}
    browser.close()
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py "$(command -v chromium)"
