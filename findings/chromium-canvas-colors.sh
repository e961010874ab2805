#!/usr/bin/env bash
# The colors of a canvas that Chromium sends over WebRTC are right only for who reads one RTP header extension.
#
# Guess:   what Chromium sends is BT.601 in limited range, whatever it captures, as libwebrtc always did;
#          and what the encoded video leaves unsaid is guessed alike for all codecs (by size, maybe).
# Version: Chromium 156.0.8078.108 (both peers in one page, 640x360).
# Seen:    a canvas' captureStream() is sent in BT.709, full range; a camera in BT.601, limited range.
#          H.264 says so in its VUI. VP8, VP9 and AV1 carry it only in the RTP header extension
#          "color-space"; where that isn't negotiated (an SFU or a recorder that doesn't know it), the
#          colors are wrong. Unsaid colors are BT.601 for VP8 and BT.709 for VP9 and AV1, at any size,
#          and limited; so a camera's VP8 happens to be right without the extension, its VP9 and AV1
#          aren't: one and the same green arrives as (0, 135, 0) or (0, 77, 0).
#
#          source  codec  extension       received as        two pixels (canvas: gray 64 and red 128)
#          canvas  VP8    negotiated      bt709 full         [64, 64, 64] [128, 0, 0]
#          canvas  VP8    not negotiated  smpte170m limited  [56, 56, 56] [115, 0, 0]
#          canvas  VP9    not negotiated  bt709 limited      [56, 56, 56] [128, 0, 0]
#          canvas  AV1    not negotiated  bt709 limited      [56, 56, 56] [130, 0, 0]
#          canvas  H264   not negotiated  bt709 full         [64, 64, 64] [128, 0, 0]
#          camera  VP8    not negotiated  smpte170m limited  [0, 135, 0] [0, 135, 0]
#          camera  VP9    negotiated      smpte170m limited  [0, 135, 0] [0, 135, 0]
#          camera  VP9    not negotiated  bt709 limited      [0, 77, 0] [0, 77, 0]
#          camera  AV1    not negotiated  bt709 limited      [0, 77, 0] [0, 77, 0]
#          (and seven more lines, all right)
set -euo pipefail
command -v chromium >/dev/null || { echo "Chromium is needed (Debian: apt install chromium)." >&2; exit 2; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: playwright==1.65.2

cat >see.py <<'PYTHON'
import sys

from playwright.sync_api import sync_playwright

SEE = r"""async ([source, codec, negotiated]) => {
    const [width, height] = [640, 360];
    const canvas = Object.assign(document.createElement('canvas'), {width, height});
    const context = canvas.getContext('2d');
    let drawn = 0;
    const drawing = setInterval(() => {  // gray left, dark red right, and something that changes
        context.fillStyle = 'rgb(64 64 64)'; context.fillRect(0, 0, width / 2, height);
        context.fillStyle = 'rgb(128 0 0)'; context.fillRect(width / 2, 0, width / 2, height);
        context.fillStyle = drawn++ % 2 ? 'black' : 'white'; context.fillRect(0, 0, 8, 8);
    }, 50);
    const stream = source == 'canvas' ? canvas.captureStream(20)
        : await navigator.mediaDevices.getUserMedia({video: {width, height}});
    const sender = new RTCPeerConnection(), receiver = new RTCPeerConnection();
    sender.onicecandidate = e => receiver.addIceCandidate(e.candidate);
    receiver.onicecandidate = e => sender.addIceCandidate(e.candidate);
    const transceiver = sender.addTransceiver(stream.getVideoTracks()[0], {direction: 'sendonly'});
    transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(
        c => c.mimeType == 'video/' + codec));
    const video = Object.assign(document.createElement('video'), {muted: true});
    document.body.append(video);
    receiver.ontrack = e => { video.srcObject = new MediaStream([e.track]); video.play(); };
    const passed = ({type, sdp}) => ({type, sdp: negotiated ? sdp : sdp.replace(/a=extmap:.*color-space\r\n/g, '')});
    await sender.setLocalDescription();
    await receiver.setRemoteDescription(passed(sender.localDescription));
    await receiver.setLocalDescription();
    await sender.setRemoteDescription(passed(receiver.localDescription));
    const begin = performance.now();
    while (video.getVideoPlaybackQuality().totalVideoFrames < 15) {
        if (performance.now() - begin > 20000) throw new Error('no video after 20 s');
        await new Promise(resolve => setTimeout(resolve, 50));
    }
    const seen = Object.assign(document.createElement('canvas'), {width, height}).getContext('2d');
    seen.drawImage(video, 0, 0, width, height);
    const pixel = x => [...seen.getImageData(x, height / 2, 1, 1).data].slice(0, 3);
    const frame = new VideoFrame(video);
    const {matrix, fullRange} = frame.colorSpace;
    frame.close();
    clearInterval(drawing); sender.close(); receiver.close(); video.remove();
    stream.getTracks().forEach(track => track.stop());
    return [matrix + (fullRange ? ' full' : ' limited'), pixel(width / 4), pixel(width * 3 / 4)];
}"""

seen = {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=sys.argv[1],
        args=["--headless=new", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
    )
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page.goto("https://localhost/")  # getUserMedia needs a secure context; answered by the line above
    print("source  codec  extension       received as        two pixels (canvas: gray 64 and red 128)")
    for source in ("canvas", "camera"):
        for codec in ("VP8", "VP9", "AV1", "H264"):
            for negotiated in (True, False):
                colors, *pixels = page.evaluate(SEE, [source, codec, negotiated])
                seen[source, codec, negotiated] = colors
                words = "negotiated" if negotiated else "not negotiated"
                print(f"{source:8}{codec:7}{words:16}{colors:19}{pixels[0]} {pixels[1]}", flush=True)
    browser.close()

unsaid = {"VP8": "smpte170m limited", "VP9": "bt709 limited", "AV1": "bt709 limited"}
truth = {"canvas": "bt709 full", "camera": "smpte170m limited"}
as_stated = all(
    colors == (truth[source] if negotiated or codec == "H264" else unsaid[codec])
    for (source, codec, negotiated), colors in seen.items()
)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py "$(command -v chromium)"
