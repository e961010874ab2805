"""How long a packet is, as decoders find it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from orchestrator.media import EncodedFrame
from orchestrator.sources.encoded_audio import encoded_audio, opus_ns


@pytest.mark.parametrize("frame_ms", ["2.5", "5", "10", "20", "40", "60"])
@pytest.mark.parametrize("application", ["voip", "audio"])
@pytest.mark.parametrize("bit_rate", [8_000, 24_000, 96_000])
def test_opus_of_every_kind(frame_ms: str, application: str, bit_rate: int) -> None:
    encoder = av.CodecContext.create("libopus", "w")
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(encoder, av.AudioCodecContext)
    assert isinstance(decoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = 48_000, "s16", "mono"
    encoder.bit_rate, encoder.time_base = bit_rate, Fraction(1, 48_000)
    encoder.options = {"frame_duration": frame_ms, "application": application}
    count = round(48 * float(frame_ms))
    noise = np.random.default_rng(1).integers(-9000, 9000, (1, count), np.int16)
    frame = av.AudioFrame.from_ndarray(noise, "s16", "mono")
    frame.sample_rate, frame.pts = 48_000, 0
    packets = [bytes(each) for each in [*encoder.encode(frame), *encoder.encode(None)]]
    assert packets
    for packet in packets:
        samples = sum(each.samples for each in decoder.decode(av.Packet(packet)))
        assert opus_ns(packet) == samples * 1_000_000_000 // 48_000


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (b"\xf8\xff\xfe" + bytes(77), 20),  # LiveKit's silence
        (b"\xf8", 20),  # DTX
        (b"\x78\x00", 20),
        (b"\xf9\x00\x00", 40),
        (b"\xfa\x01\x00\x00", 40),
        (b"\xfb\x03\x00\x00\x00", 60),
        (b"\xe3\x30", 120),
        (b"\x00", 10),
        (b"\x18", 60),
        (b"\x60", 10),
        (b"\x68", 20),
    ],
)
def test_opus_by_its_first_bytes(packet: bytes, milliseconds: int) -> None:
    assert opus_ns(packet) == milliseconds * 1_000_000


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x00", b"\xfb\x07", b"\x1b\x03"])
def test_what_no_packet_of_opus_can_be_has_no_length(packet: bytes) -> None:
    assert opus_ns(packet) == 0
    assert encoded_audio("opus", packet) is None


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "g722"])
def test_a_byte_of_the_others_is_an_eight_thousandth_of_a_second(codec: str) -> None:
    assert encoded_audio(codec, bytes(160)) == EncodedFrame(
        codec, bytes(160), duration_ns=20_000_000
    )
    assert encoded_audio(codec, bytes(1)) == EncodedFrame(codec, bytes(1), duration_ns=125_000)
