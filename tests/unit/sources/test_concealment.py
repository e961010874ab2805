"""Lost audio is concealed: a tone goes on through losses, without silence and without clicks."""

from __future__ import annotations

import random
from collections.abc import Iterable

import av
import numpy as np
import pytest
from aiortc.codecs import get_decoder, get_encoder
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from numpy.typing import NDArray

from orchestrator.sources.aiortc.decoding import opus
from orchestrator.sources.aiortc.decoding.concealment import (
    LONGEST_MS,
    AudioPacket,
    ConcealingDecoder,
    is_concealed,
)
from orchestrator.sources.aiortc.decoding.opus import samples_of

OPUS = RTCRtpCodecParameters("audio/opus", 48_000, 2, 111)
PCMU = RTCRtpCodecParameters("audio/PCMU", 8000, 1, 0)
PCMA = RTCRtpCodecParameters("audio/PCMA", 8000, 1, 8)
G722 = RTCRtpCodecParameters("audio/G722", 8000, 1, 9)
SECONDS = 6
PACKETS = 50 * SECONDS

Wave = NDArray[np.int16]


def tone(rate: int, hertz: float = 440.0, seconds: float = SECONDS) -> Wave:
    at = np.arange(round(rate * seconds)) / rate
    return (16_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def opus_packets(wave: Wave, **options: str) -> list[bytes]:
    """Packets of 20 ms, as libwebrtc's encoder makes them."""
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.format, encoder.layout = av.AudioFormat("s16"), av.AudioLayout("mono")
    encoder.sample_rate, encoder.bit_rate = 48_000, 32_000
    encoder.options = {"application": "voip", **options}
    packets: list[bytes] = []
    for start in range(0, len(wave), 960):
        frame = av.AudioFrame.from_ndarray(wave[np.newaxis, start : start + 960], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, start
        packets += map(bytes, encoder.encode(frame))
    return packets


def telephone_packets(codec: RTCRtpCodecParameters) -> list[bytes]:
    rate = 16_000 if codec is G722 else 8000
    encoder, packets, wave = get_encoder(codec), list[bytes](), tone(rate)
    for start in range(0, len(wave), rate // 50):
        part = wave[np.newaxis, start : start + rate // 50]
        frame = av.AudioFrame.from_ndarray(part, "s16", "mono")
        frame.sample_rate, frame.pts = rate, start
        packets += encoder.encode(frame)[0]
    return packets


def received(
    packets: list[bytes], lost: Iterable[int], ticks: int = 960
) -> list[tuple[int, AudioPacket]]:
    """What comes of them, as `jitter_buffer` has it, with the number of each."""
    missing, came, gone = set(lost), list[tuple[int, AudioPacket]](), 0
    for number, data in enumerate(packets):
        if number in missing:
            gone += 1
            continue
        came.append((number, AudioPacket(data, number * ticks, gone)))
        gone = 0
    return came


def heard(
    codec: RTCRtpCodecParameters, packets: list[AudioPacket], scale: int = 1
) -> tuple[Wave, list[av.AudioFrame]]:
    """All frames at their places (`pts`), on a ground of zeros, as the mixer lays them."""
    decoder = ConcealingDecoder(codec)
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    end = max((frame.pts or 0) + frame.samples for frame in frames)
    wave = np.zeros(end, np.int16)
    for frame in frames:
        at = frame.pts or 0
        assert not wave[at : at + frame.samples].any(), "no two frames in one place"
        wave[at : at + frame.samples] = samples_of(frame)[:, 0]
    return wave, frames


def longest_zeros(wave: Wave) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (wave == 0).astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def largest_step(wave: Wave) -> int:
    return int(np.abs(np.diff(wave.astype(int))).max())


def some_lost(percent: float, seed: int = 3) -> list[int]:
    """At random; not before the decoder has heard something."""
    chance = random.Random(seed)
    return [n for n in range(10, PACKETS - 1) if chance.random() < percent / 100]


@pytest.fixture(params=["libopus", "FFmpeg's wrapper"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to libopus; the second is used where the first isn't found."""
    if request.param != "libopus":
        monkeypatch.setattr(opus, "libopus", lambda: None)
    return str(request.param)


@pytest.mark.parametrize("percent", [3, 10])
def test_a_tone_goes_on_through_lost_packets(either: str, percent: int) -> None:
    """Without concealment each lost packet is 960 zeros, with steps of 16 times the tone's own.

    The tests with losses looked at the times of what came, not at what is heard in between.
    """
    del either
    wave = tone(48_000)
    came = [packet for _, packet in received(opus_packets(wave), some_lost(percent))]
    got, frames = heard(OPUS, came)
    own = largest_step(wave)
    assert longest_zeros(got[9600:]) < 100
    assert largest_step(got[9600:]) < 2 * own
    concealed = [frame for frame in frames if is_concealed(frame)]
    assert sum(f.samples for f in concealed) == 960 * len(some_lost(percent))
    plain = np.zeros(len(got), np.int16)
    decoder = OpusDecoder()
    for packet in came:
        for frame in decoder.decode(packet):
            assert isinstance(frame, av.AudioFrame)
            plain[packet.timestamp : packet.timestamp + 960] = samples_of(frame)[:, 0]
    assert longest_zeros(plain[9600:]) >= 900
    assert largest_step(plain[9600:]) > 4 * own


@pytest.mark.parametrize("codec", [PCMU, PCMA, G722], ids=lambda codec: codec.name)
def test_telephone_codecs_go_on_too(codec: RTCRtpCodecParameters) -> None:
    came = [p for _, p in received(telephone_packets(codec), some_lost(3), ticks=160)]
    got, frames = heard(codec, came)
    rate = frames[0].sample_rate
    own = largest_step(tone(rate))
    assert longest_zeros(got[rate // 5 :]) < rate // 400
    assert largest_step(got[rate // 5 :]) < 2 * own
    concealed = sum(f.samples for f in frames if is_concealed(f))
    assert concealed == rate // 50 * len(some_lost(3))


def test_what_comes_whole_is_decoded_as_by_aiortc(either: str) -> None:
    del either
    wave = tone(48_000, seconds=1)
    ours, theirs = ConcealingDecoder(OPUS), get_decoder(OPUS)
    for number, data in enumerate(opus_packets(wave)):
        (mine,) = ours.decode(AudioPacket(data, 960 * number))
        (other,) = theirs.decode(JitterFrame(data, 960 * number))
        assert isinstance(other, av.AudioFrame)
        assert (mine.format.name, mine.layout.name) == ("s16", "stereo")
        assert (mine.pts, mine.sample_rate, mine.samples) == (960 * number, 48_000, other.samples)
        assert (mine.to_ndarray() == other.to_ndarray()).all()


def speech_like() -> Wave:
    """Syllables of three harmonics: nobody could guess one from the one before."""
    at, chance = np.arange(48_000 * SECONDS) / 48_000, np.random.default_rng(1)
    pitch = np.repeat(chance.uniform(100, 300, SECONDS * 20), 2400)
    phase = np.cumsum(2 * np.pi * pitch / 48_000)
    loud = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * at)
    wave = sum(np.sin(n * phase) / n for n in (1, 2, 3)) * loud
    return (9000 * wave).astype(np.int16)


def test_redundancy_in_the_packet_after_a_lost_one_is_used() -> None:
    """In-band FEC: what was lost is nearly what it was, which no guess can be."""
    assert opus.libopus() is not None, "PyAV's wheel has it"
    wave, lost = speech_like(), list(range(20, PACKETS - 5, 7))
    errors = {}
    for fec in ("0", "1"):
        packets = opus_packets(wave, fec=fec, packet_loss="20")
        whole, _ = heard(OPUS, [p for _, p in received(packets, [])])
        got, _ = heard(OPUS, [p for _, p in received(packets, lost)])
        places = np.concatenate([np.arange(960 * n, 960 * (n + 1)) for n in lost])
        difference = got[places].astype(float) - whole[places]
        errors[fec] = np.sqrt(np.mean(difference**2) / np.mean(whole[places].astype(float) ** 2))
    assert errors["1"] < 0.6 * errors["0"], errors


def fade_is_clean(got: Wave, own: int) -> bool:
    return largest_step(got) < 2 * own


def test_a_long_loss_fades_into_silence_and_comes_back_without_a_click(either: str) -> None:
    del either
    wave = tone(48_000)
    came = [p for _, p in received(opus_packets(wave), range(100, 130))]
    got, frames = heard(OPUS, came)
    concealed = sum(f.samples for f in frames if is_concealed(f))
    assert concealed == 48 * LONGEST_MS
    assert fade_is_clean(got[9600:], largest_step(wave))
    silent = got[960 * 100 + 48 * LONGEST_MS : 960 * 130]
    assert not silent.any()


@pytest.mark.parametrize("codec", [PCMU, G722], ids=lambda codec: codec.name)
def test_so_it_is_with_telephone_codecs(codec: RTCRtpCodecParameters) -> None:
    came = [p for _, p in received(telephone_packets(codec), range(100, 130), ticks=160)]
    got, frames = heard(codec, came)
    assert fade_is_clean(
        got[frames[0].sample_rate // 5 :], largest_step(tone(frames[0].sample_rate))
    )


def test_what_nobody_sent_is_not_concealed() -> None:
    """DTX and mute: the timestamps have a gap, the sequence numbers have none."""
    packets = opus_packets(tone(48_000, seconds=1))
    came = [AudioPacket(data, 960 * (n + 20 * (n >= 25))) for n, data in enumerate(packets)]
    _, frames = heard(OPUS, came)
    assert not any(is_concealed(frame) for frame in frames)


def test_of_a_loss_before_a_pause_only_what_was_sent_is_concealed() -> None:
    packets = opus_packets(tone(48_000, seconds=1))
    came = [
        AudioPacket(data, 960 * (n + 20 * (n >= 25)), lost=n == 26)
        for n, data in enumerate(packets)
        if n != 25
    ]
    _, frames = heard(OPUS, came)
    concealed = [frame for frame in frames if is_concealed(frame)]
    assert [(f.pts, f.samples) for f in concealed] == [(960 * 25, 960)]


@pytest.mark.parametrize("bad", [b"\xff", b"\xff\0", b"\xfb\x80"], ids=["cut", "0", "0 of VBR"])
def test_a_packet_that_cannot_be_decoded_is_as_good_as_lost(either: str, bad: bytes) -> None:
    """Too short for its frames, or one that says it holds none (RFC 6716 §3.2.5)."""
    del either
    packets = opus_packets(tone(48_000, seconds=1))
    decoder, frames = ConcealingDecoder(OPUS), list[av.AudioFrame]()
    for number, data in enumerate(packets):
        if number == 25:
            with pytest.raises(av.FFmpegError):
                decoder.decode(AudioPacket(bad, 960 * number))
            continue
        frames += decoder.decode(AudioPacket(data, 960 * number))
    assert [frame.pts for frame in frames] == [960 * n for n in range(len(packets))]
    assert [n for n, f in enumerate(frames) if is_concealed(f)] == [25]


def test_frames_of_any_length_are_concealed() -> None:
    """A sender may change from 20 ms to 60; several frames may be in one packet."""
    wave = tone(48_000, seconds=2)
    packets = opus_packets(wave, frame_duration="60")
    came = [p for _, p in received(packets[:30], [10, 20], ticks=2880)]
    got, frames = heard(OPUS, came)
    assert longest_zeros(got[9600:]) < 100
    assert [f.samples for f in frames if is_concealed(f)] == [2880, 2880]


def test_no_decoder_is_asked_before_it_has_heard_something() -> None:
    """A first packet that others were lost before."""
    packets = opus_packets(tone(48_000, seconds=1))
    decoder = ConcealingDecoder(OPUS)
    frames = decoder.decode(AudioPacket(packets[5], 4800, lost=5))
    assert [frame.pts for frame in frames] == [4800]
