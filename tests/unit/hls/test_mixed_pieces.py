"""A copy's microphones as one track in HLS: everybody is heard, and pieces never change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from orchestrator.fragments.fragment import Fragment
from orchestrator.hls import final_file
from orchestrator.hls.codecs import codecs_of
from orchestrator.hls.microphones import Microphones
from orchestrator.hls.pieces import Piece
from orchestrator.hls.run import SegmentRun
from orchestrator.hls.saved import packed, unpacked
from orchestrator.media import SECOND_NS, EncodedFrame
from orchestrator.mixing.decoder import Decoder, Samples
from orchestrator.stream_copy.packet_join import join_packets
from orchestrator.stream_copy.track import Packet, Track
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import camera, in_order, microphone, video_frames, video_packets
from tests.kit.mediafiles.voices import (
    PEAK,
    RATE,
    Voice,
    audio_of,
    call,
    decoded,
    heard_in,
    is_seamless,
    level,
    rest,
    run_of,
    treble,
    written,
)

ALICE, BOB, CAROL = Voice(440), Voice(620, ((0.1, 10.0),)), Voice(1240, ((0.2, 10.0),))
LATE, LEFT = Voice(880, ((4.5, 10.0),)), Voice(1760, ((0.0, 3.5), (7.0, 8.5)))
CLEAN = 0.005
"""RMS of what Opus adds to three tones of `PEAK`, at most; with no run-up of the encoder 0.09 is
added where pieces meet."""
CLICK = 0.002
"""RMS of what is added above the tones, at most."""


def _data(run: SegmentRun) -> list[bytes]:
    return [run.data(piece) for piece in run.pieces]


def _halves(wave: np.ndarray, voices: Sequence[Voice]) -> None:
    """Each tone is in each half second in which its microphone sends, as loud as in the file."""
    for voice in voices:
        for half in range(len(wave) // (RATE // 2)):
            begin_s, end_s = half / 2, half / 2 + 0.5
            there = any(a <= begin_s and end_s <= b for a, b in voice.spans)
            away = all(end_s <= a or b + 0.02 <= begin_s for a, b in voice.spans)
            found = level(wave, voice.hertz, begin_s, end_s)
            if there:
                assert found == pytest.approx(PEAK, rel=0.1), (voice.hertz, begin_s)
            elif away:
                assert found < PEAK / 50, (voice.hertz, begin_s)


def test_everybody_is_heard_who_comes_late_and_who_leaves(tmp_path: Path) -> None:
    voices = (ALICE, BOB, LATE, LEFT)
    run = run_of(written(tmp_path / "x.mkv", *voices))
    assert (run.problem, len(run.inits), len(run.pieces)) == (None, 1, 5)
    assert all(piece.mixed for piece in run.pieces)
    data = _data(run)
    assert is_seamless(run, data)
    wave = heard_in(run, data)
    assert len(wave) == pytest.approx(10 * RATE, abs=960)
    _halves(wave, voices)


def test_no_click_is_where_pieces_meet(tmp_path: Path) -> None:
    run = run_of(written(tmp_path / "x.mkv", ALICE, BOB, CAROL))
    wave = heard_in(run, _data(run))[RATE : 9 * RATE]
    left = rest(wave, 440, 620, 1240)
    print(f"rest {np.median(left):.5f}, {left.max():.5f} at most, of {PEAK:.3f}")
    assert left.max() < CLEAN
    assert treble(wave).max() < CLICK


def test_a_clock_that_drifts_does_not_click(tmp_path: Path) -> None:
    """Its packets' times, in milliseconds, are moved by one now and then."""
    slow, fast = replace(BOB, drift=3e-4), replace(ALICE, drift=-3e-4)
    run = run_of(written(tmp_path / "x.mkv", slow, fast, CAROL))
    wave = heard_in(run, _data(run))[RATE : 9 * RATE]
    print(f"treble {np.median(treble(wave)):.5f}, {treble(wave).max():.5f} at most")
    assert treble(wave).max() < CLICK


def test_the_mix_stands_where_the_microphone_does(tmp_path: Path) -> None:
    """To the sample: neither decoders nor the encoder move it."""
    path = written(tmp_path / "x.mkv", ALICE, replace(BOB, spans=((0.1, 1.5),)))
    run = run_of(path)
    mix, own = heard_in(run, _data(run)), decoded(path, 0)
    begin = 5 * RATE
    part = own[begin : begin + RATE // 2]
    apart = [float(np.abs(mix[begin + lag :][: len(part)] - part).mean()) for lag in range(-60, 60)]
    assert int(np.argmin(apart)) - 60 == 0
    assert min(apart) < PEAK / 20


def test_pieces_are_the_same_bytes_whenever_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    seen: dict[int, bytes] = {}
    voices = (ALICE, replace(BOB, late_s=0.3), LATE, LEFT)
    run = SegmentRun(1, path, "matroska", 0.0, True)
    for _ in call(path, *voices):
        run.poll()
        seen |= {n: run.data(run.pieces[n]) for n in range(len(seen), len(run.pieces))}
    assert len(seen) >= 3
    run.poll(last=True)
    again = run_of(path)
    assert again.pieces == run.pieces
    assert {n: again.data(again.pieces[n]) for n in reversed(seen)} == seen
    _halves(heard_in(again, _data(again)), voices)


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_joined_file_gives_the_same_pieces(container: str, tmp_path: Path) -> None:
    early = [Voice(hertz, ((0.0, 6.0),)) for hertz in (1760, 2480)]
    first = written(tmp_path / "1.mkv", *early, seconds=6)
    second = written(tmp_path / "2.mkv", ALICE, BOB, CAROL, LATE)
    final, offset_s = tmp_path / f"final.{container}", 6.0123
    assert join_packets([(first, 0.0), (second, offset_s)], final, container, tags={})
    for path, shift_s in ((first, 0.0), (second, offset_s)):
        run = run_of(path)
        kept = unpacked(packed(run.pieces))
        assert kept == [replace(piece, fragments=(), around=()) for piece in run.pieces]
        for piece, data in zip(kept, _data(run), strict=True):
            init = run.inits[piece.header]
            made = final_file.data_of(final, init, kept, piece.number, shift_s, silence=True)
            assert audio_of(init, made) == audio_of(init, data), piece


def test_a_file_whose_segments_nobody_knows_is_mixed_too(tmp_path: Path) -> None:
    path = written(tmp_path / "x.mkv", ALICE, Voice(620, codec="pcmu"), LATE)
    init, pieces = final_file.derived(path, copied=True)
    assert [info.codec for info in codecs_of(init)][1:] == ["opus"]
    run = SegmentRun(1, path, "matroska", 0.0, True)
    run.inits, run.pieces = [init], pieces
    count = range(len(pieces))
    data = [final_file.data_of(path, init, pieces, n, 0.0, silence=True) for n in count]
    assert is_seamless(run, data)
    _halves(heard_in(run, data), (ALICE, Voice(620), LATE))


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "g722"])
def test_telephones_are_heard(codec: str, tmp_path: Path) -> None:
    phone = Voice(620, codec=codec)
    alone = run_of(written(tmp_path / "alone.mkv", phone))
    both = run_of(written(tmp_path / "both.mkv", ALICE, phone))
    for run, voices in ((alone, [phone]), (both, [ALICE, phone])):
        assert (run.problem, len(run.inits)) == (None, 1)
        assert run.codecs[1].codec == "opus"
        _halves(heard_in(run, _data(run)), voices)


def _aac(track: Track, seconds: float) -> Iterator[Packet]:
    """A tone of 440 Hz, as a server of RTMP or SRT gives it."""
    encoder: Any = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "stereo", "fltp"
    encoder.bit_rate = 128_000
    encoder.open()
    for number in range(int(seconds * RATE / 1024)):
        at = np.arange(number * 1024, (number + 1) * 1024) / RATE
        tone = (PEAK * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
        frame.sample_rate, frame.pts = RATE, number * 1024
        for packet in encoder.encode(frame):
            given = EncodedFrame(
                "aac",
                bytes(packet),
                duration_ns=1024 * SECOND_NS // RATE,
                private=bytes(encoder.extradata),
                rate=RATE,
                channels=2,
            )
            yield Packet(track, max(0, packet.pts) * SECOND_NS // RATE, given)


def test_behind_a_lone_track_of_aac_another_header_begins(tmp_path: Path) -> None:
    path, video = tmp_path / "x.mkv", camera("h264")
    shown = video_packets(video, video_frames("h264", 300, keyframe_every=60))
    write(path, in_order(shown, _aac(microphone("aac", "line in"), 10), LATE.packets()))
    run = run_of(path)
    assert [piece.header for piece in run.pieces] == [0, 0, 1, 1, 1]
    assert [info.codec for init in run.inits for info in codecs_of(init)][1::2] == [
        "mp4a.40.2",
        "opus",
    ]
    wave = heard_in(run, _data(run)[2:])
    for half in range(2, 11):
        for hertz in (440, 880):
            assert level(wave, hertz, half / 2, half / 2 + 0.5) == pytest.approx(PEAK, rel=0.1)


def test_one_microphone_is_copied_until_another_comes(tmp_path: Path) -> None:
    run = run_of(written(tmp_path / "x.mkv", ALICE, LATE))
    assert [piece.mixed for piece in run.pieces] == [False, False, True, True, True]
    assert len(run.inits) == 1
    _halves(heard_in(run, _data(run)), (ALICE, LATE))


def test_who_is_muted_from_the_beginning_holds_nobody_up(tmp_path: Path) -> None:
    """The first track is that of a microphone that says nothing for long."""
    run = run_of(written(tmp_path / "x.mkv", Voice(440, ((0.0, 0.02),)), Voice(880, ((6.5, 10),))))
    assert (run.problem, len(run.inits)) == (None, 1)
    _halves(heard_in(run, _data(run)), (Voice(880, ((6.5, 10),)),))


def test_what_does_not_decode_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole = run_of(written(tmp_path / "x.mkv", ALICE, BOB)), Decoder.samples
    count = iter(range(1000))

    def failing(decoder: Decoder, packet: object) -> Samples:
        if next(count) == 40:
            raise ValueError("damaged")
        return whole(decoder, packet)

    monkeypatch.setattr(Decoder, "samples", failing)
    data = run.data(run.pieces[1])
    assert next(count) > 40
    assert len(audio_of(run.inits[0], data)) == 100


def test_without_video_everybody_is_heard_too(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    write(path, in_order(ALICE.packets(), LATE.packets()))
    run = run_of(path)
    assert (run.problem, len(run.inits), len(run.codecs)) == (None, 1, 1)
    data = _data(run)
    _halves(heard_in(run, data), (ALICE, LATE))


@pytest.mark.parametrize(("behind", "waits"), [([], True), ([2.4], True), ([2.4, 2.5, 3], False)])
def test_a_mixed_piece_waits_for_what_may_come_late(behind: list[float], waits: bool) -> None:
    own = Fragment(0, 0, 10, 0.0, 2.0, True, (0.0, 1.98), audio=frozenset({2, 3}))
    later = [replace(own, number=1 + n, frames_s=(2.0, at_s)) for n, at_s in enumerate(behind)]
    piece, microphones = Piece(0, 0.0, 2.0, True, (own,)), Microphones()
    microphones.look(piece, lambda: True)
    placed = microphones.placed(piece, later, last=False)
    assert (placed is None) == waits
    if placed is None:
        placed = microphones.placed(piece, later, last=True)
    assert placed is not None
    assert placed.around == tuple(later[:2])
    follows = microphones.placed(Piece(1, 2.0, 4.0, True, ()), [], last=True)
    assert follows is not None
    assert follows.around == (own,)
