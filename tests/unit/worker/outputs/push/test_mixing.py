"""What comes of several microphones: real Opus, decoded and added up."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from orchestrator.mixing.decoder import BLOCK, RATE
from orchestrator.worker.outputs.push.mixing import Mixer
from tests.kit.signals.tones import AMPLITUDE, Audio, samples, spans

LOW, HIGH = 440, 1240
CHUNK = 960


def write(path: Path, *microphones: dict[str, Any]) -> Path:
    """A file of Matroska with a track for each: a tone from `begin` to `end` (s)."""
    with av.open(str(path), "w", format="matroska") as made:
        tracks: list[Any] = []
        for each in microphones:
            codec, rate = each.get("codec", "libopus"), each.get("rate", RATE)
            tracks.append(made.add_stream(codec, rate=rate, layout="mono"))
        for number in range(200):
            at = number * CHUNK
            for track, each in zip(tracks, microphones, strict=True):
                begin, end = each["span"]
                if begin <= at / RATE < end:
                    data = (8 * samples(each["tone"], at, CHUNK)).reshape(1, -1)
                    frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
                    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
                    made.mux(track.encode(frame))
        for track in tracks:
            made.mux(track.encode(None))
    return path


def packets(file: Any) -> Iterator[Any]:
    """All that are in it."""
    return (each for each in file.demux() if each.size)


def mixed(path: Path, *, begin_s: float = 0.0, piece_s: float = 1.0) -> tuple[float, Audio]:
    """When the first block begins, and all of them as mono between -1 and 1; they are seamless."""
    mixer, until_s = Mixer(), piece_s
    blocks: list[tuple[int, bytes]] = []
    mixer.begin(begin_s)
    with av.open(str(path)) as file:
        for packet in packets(file):
            if packet.dts * packet.time_base >= until_s:
                blocks += mixer.take(packet.dts * packet.time_base)
                until_s += piece_s
            mixer.add(packet)
    blocks += mixer.take(mixer.end_s)
    assert not mixer.undecodable
    starts = [at for at, _ in blocks]
    assert starts == list(range(starts[0], starts[0] + BLOCK * len(blocks), BLOCK))
    whole = np.frombuffer(b"".join(data for _, data in blocks), np.int16).reshape(-1, 2)
    assert np.array_equal(whole[:, 0], whole[:, 1])
    return starts[0] / RATE, (whole[:, 0] / 2**15).astype(np.float32)


def test_who_comes_later_and_leaves_is_heard_beside_the_other(tmp_path: Path) -> None:
    path = write(
        tmp_path / "two.mkv",
        {"tone": LOW, "span": (0, 4)},
        {"tone": HIGH, "span": (1, 2.5)},
    )
    start_s, audio = mixed(path)
    assert start_s == 0
    (low,), (high,) = spans(audio, LOW), spans(audio, HIGH)
    assert low == pytest.approx((0, 4), abs=0.1)
    assert high == pytest.approx((1, 2.5), abs=0.1)


def test_both_have_their_loudness_and_no_clicks(tmp_path: Path) -> None:
    one = write(tmp_path / "one.mkv", {"tone": LOW, "span": (0, 4)})
    two = write(tmp_path / "two.mkv", {"tone": LOW, "span": (0, 4)}, {"tone": LOW, "span": (0, 4)})
    (_, alone), (_, both) = mixed(one), mixed(two)
    middle = slice(RATE // 2, 3 * RATE)
    assert np.abs(both[middle]).max() == pytest.approx(2 * np.abs(alone[middle]).max(), rel=0.1)
    steps = np.abs(np.diff(alone[middle]))
    assert steps.max() < 1.5 * 2 * np.pi * LOW / RATE * np.abs(alone[middle]).max()


def test_short_silence_is_filled_and_behind_a_long_gap_it_goes_on_there(tmp_path: Path) -> None:
    path = write(tmp_path / "gap.mkv", {"tone": LOW, "span": (0, 1)})
    mixer = Mixer()
    mixer.begin(10.0)
    assert [at for at, _ in mixer.take(10.5)][::24] == [480_000, 480_000 + 24 * BLOCK]
    mixer.begin(11.2)
    assert len(list(mixer.take(11.2))) == 35, "0.7 s of silence"
    mixer.begin(60.0)
    with av.open(str(path)) as file:
        for packet in packets(file):
            packet.pts += round(60 / packet.time_base)
            mixer.add(packet)
    blocks = list(mixer.take(mixer.end_s))
    assert blocks[0][0] == 60 * RATE
    assert len(blocks) == pytest.approx(50, abs=2)


def test_other_rates_and_codecs_are_mixed_as_well(tmp_path: Path) -> None:
    path = write(
        tmp_path / "kinds.mkv",
        {"tone": LOW, "span": (0, 4), "codec": "pcm_s16le", "rate": 16_000},
        {"tone": HIGH, "span": (0, 4), "codec": "aac"},
    )
    _, audio = mixed(path)
    assert spans(audio, LOW)[0] == pytest.approx((0, 4), abs=0.1)
    assert spans(audio, HIGH)[0] == pytest.approx((0, 4), abs=0.1)


@pytest.mark.parametrize("codec", ["libopus", "pcm_s16le"])
def test_one_channel_is_as_loud_in_stereo(codec: str, tmp_path: Path) -> None:
    path = write(tmp_path / "one.mkv", {"tone": LOW, "span": (0, 4), "codec": codec})
    _, audio = mixed(path)
    loudest = np.abs(audio[RATE : 3 * RATE]).max()
    assert loudest == pytest.approx(8 * AMPLITUDE / 2**15, rel=0.05)


def test_what_does_not_decode_costs_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.mkv", {"tone": LOW, "span": (0, 2), "codec": "aac"})
    mixer = Mixer()
    mixer.begin(0.0)
    with av.open(str(path)) as file:
        for number, packet in enumerate(packets(file)):
            given: Any = packet
            if number == 10:
                given = av.Packet(b"\xff" * 40)
                given.stream, given.pts, given.dts = packet.stream, packet.pts, packet.dts
                given.time_base = packet.time_base
            mixer.add(given)
    assert mixer.undecodable <= 1
    assert mixer.end_s == pytest.approx(2, abs=0.1)
