"""Samples laid down by their times, without an ffmpeg."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.errors import SourceDamaged
from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.timeline_items import AudioItem
from orchestrator.transcoding.audio_by_time import laid_down, tracks_with_gaps, write_samples
from orchestrator.transcoding.source import read_source
from tests.kit.mediafiles.copied import CopiedAudio, CopiedFile
from tests.kit.mediafiles.numbered import NumberedFilm, even_times


def items_of(path: Path, zero: Fraction = Fraction(0)) -> list[AudioItem]:
    return list(laid_down(path, read_source(path).audio, zero))


def test_an_hour_of_silence_takes_no_memory(tmp_path: Path) -> None:
    spans = [(0, 1), (3600, 3601)]
    path = CopiedFile(tmp_path / "a.mkv", [CopiedAudio("a", 440, spans)]).write()
    assert tracks_with_gaps(path) == {0}
    items = items_of(path)
    assert sum(item.count for item in items) == pytest.approx(3601 * AUDIO_RATE, abs=600)
    assert [item.pts for item in items] == [
        sum(item.count for item in items[:number]) for number in range(len(items))
    ]
    assert sum(item.size_bytes for item in items) < 3 * AUDIO_RATE * 2 * AUDIO_CHANNELS


def test_tracks_are_summed(tmp_path: Path) -> None:
    tracks = [CopiedAudio(str(n), 440, [(0, 1)], "pcm_mulaw") for n in range(2)]
    path = CopiedFile(tmp_path / "a.mkv", tracks).write()
    assert tracks_with_gaps(path) == frozenset()
    peaks = []
    for number in (1, 2):
        items = laid_down(path, read_source(path).audio[:number], Fraction(0))
        samples = np.concatenate([i.samples for i in items if i.samples is not None])
        peaks.append(int(np.abs(samples[4800:-4800].astype(np.int32)).max()))
    assert peaks[1] == pytest.approx(2 * peaks[0], rel=0.01)


def test_times_count_from_zero(tmp_path: Path) -> None:
    path = CopiedFile(tmp_path / "a.mkv", [CopiedAudio("a", 440, [(5, 6)], "g722")]).write()
    (first, *_) = items_of(path, Fraction(9, 2))
    assert (first.pts, first.samples) == (0, None)
    assert sum(item.count for item in items_of(path, Fraction(9, 2))) == pytest.approx(
        1.5 * AUDIO_RATE, abs=100
    )


def test_what_can_not_be_decoded_is_named(tmp_path: Path) -> None:
    path = NumberedFilm(tmp_path / "a.mkv", even_times(2)).write()
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = next(p for p in container.demux(audio=0) if (p.pts or 0) >= 1000)
        at = data.index(bytes(packet))
    data[at : at + packet.size] = b"\xff" * packet.size
    path.write_bytes(bytes(data))
    with pytest.raises(SourceDamaged, match=r"0:01\.0.*its audio can't be decoded there"):
        items_of(path)


def test_who_reads_no_more_ends_the_writing(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "pipe")
    endless = iter(lambda: AudioItem(0, AUDIO_RATE, None), None)
    writing = threading.Thread(target=write_samples, args=(fifo, endless))
    writing.start()
    with (tmp_path / "pipe").open("rb") as reader:
        assert reader.read(100) == bytes(100)
    writing.join(10)
    assert not writing.is_alive()
    assert not os.path.lexists(tmp_path / "pipe")


def test_a_reader_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "pipe")
    writing = threading.Thread(target=write_samples, args=(fifo, iter(())))
    writing.start()
    fifo.abort()
    writing.join(10)
    assert not writing.is_alive()
