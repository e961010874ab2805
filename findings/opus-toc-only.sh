#!/usr/bin/env bash
# An Opus packet of one TOC byte: FFmpeg's two decoders play different things.
#
# Guess:   such a packet (a frame of no bytes, which RFC 6716 allows for DTX) is 20 ms of silence in the
#          middle of a tone, and it is so with each of FFmpeg's decoders, `opus` and `libopus`.
# Version: PyAV 18.1.0 (its FFmpeg 8.1.2, with libopus).
# Seen:    libopus takes each for a lost packet and conceals it: the tone goes on and is some 200 ms in fading.
#          FFmpeg's own decoder fades within the first one and is silent afterwards. Which one decodes
#          depends on who asks: FFmpeg's own is the default, libopus is what aiortc names.
#          So a gap filled with such packets is heard as a tone with the one, as silence with the other.
#
#          loudness (RMS) of 20 ms each: the last whole packet, then eight of a TOC byte
#          libopus  0.173 | 0.172 0.139 0.111 0.089 0.071 0.063 0.043 0.026
#          opus     0.173 | 0.062 0.000 0.000 0.000 0.000 0.000 0.000 0.000
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: av==18.1.0 numpy==2.4.6

cat >see.py <<'PYTHON'
import sys
from fractions import Fraction

import av
import numpy as np

RATE, SAMPLES = 48000, 960


def tone():
    """Packets of 20 ms with a tone of 300 Hz."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    encoder.options = {"application": "voip"}
    for number in range(40):
        times = np.arange(number * SAMPLES, (number + 1) * SAMPLES) / RATE
        samples = (8000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, number * SAMPLES, Fraction(1, RATE)
        yield from (bytes(packet) for packet in encoder.encode(frame))


def loudness(name, packets):
    decoder = av.CodecContext.create(name, "r")
    decoder.sample_rate, decoder.layout = RATE, "mono"
    heard = []
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet)):
            scale = 32768 if frame.format.name.startswith("s16") else 1
            heard.append(float(np.sqrt(np.mean((frame.to_ndarray() / scale) ** 2))))
    return heard


packets = list(tone())
packets += [packets[-1][:1]] * 8
heard = {name: loudness(name, packets) for name in ("libopus", "opus")}
for name, values in heard.items():
    print(f"{name:8} {values[-9]:.3f} |", *(f"{value:.3f}" for value in values[-8:]))
as_stated = (
    all(value > 0.02 for value in heard["libopus"][-8:])
    and heard["opus"][-9] > 0.1
    and all(value < 0.001 for value in heard["opus"][-7:])
)
sys.exit(None if as_stated else "CHANGED: this is not what was seen before; see the top of this file.")
PYTHON
venv/bin/python see.py
