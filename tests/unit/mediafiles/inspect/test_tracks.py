"""Files of several tracks as a copied room has them: some pause, some come late."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest

from orchestrator.cli.inspection_table import rows
from orchestrator.mediafiles.inspect.findings import findings
from orchestrator.mediafiles.inspect.read import inspect
from orchestrator.mediafiles.inspect.report import Inspection
from orchestrator.stream_copy.track import Packet, Track
from tests.kit.encoded.files import write
from tests.kit.encoded.frames import (
    audio_frames,
    audio_packets,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)

_BOB = microphone(name="bob microphone")


def _video(lasts_s: float, *, start_s: float = 0.0) -> list[Packet]:
    frames = tuple(islice(cycle(video_frames("vp8", 30)), round(lasts_s * 30)))
    return [*video_packets(camera("vp8"), frames, start_s=start_s)]


def _audio(lasts_s: float, *, start_s: float = 0.0, who: Track | None = None) -> list[Packet]:
    frames = tuple(islice(cycle(audio_frames("opus", 40)), round(lasts_s * 50)))
    return [*audio_packets(who or microphone(), frames, start_s=start_s)]


def _inspected(tmp_path: Path, *tracks: list[Packet]) -> Inspection:
    write(tmp_path / "x.mkv", in_order(*map(iter, tracks)))
    return inspect(tmp_path / "x.mkv")


def _odd(found: Inspection) -> list[str]:
    return [one.text for one in findings(found) if one.verdict != "ok"]


def test_each_track_is_called_by_its_name(tmp_path: Path) -> None:
    found = _inspected(
        tmp_path, _video(3), _audio(3), _audio(1, who=_BOB) + _audio(1, start_s=2.0, who=_BOB)
    )
    assert _odd(found) == ["The audio bob microphone has gaps: 1.0 s at 0:01.0."]
    named = [value for name, value in rows(found) if name.strip() == "name"]
    assert named == ["alice camera", "alice microphone", "bob microphone"]


def test_one_track_of_a_kind_is_called_by_its_kind(tmp_path: Path) -> None:
    found = _inspected(tmp_path, _video(1), _audio(1))
    assert [one.text for one in findings(found)][:2] == [
        "The video has no gap.",
        "The audio has no gap.",
    ]


def test_a_long_mute_is_one_gap_and_nothing_is_missing(tmp_path: Path) -> None:
    found = _inspected(tmp_path, _video(34), _audio(2) + _audio(2, start_s=32.0))
    assert _odd(found) == ["The audio has gaps: 30.0 s at 0:02.0."]
    assert found.measured_duration_s == pytest.approx(34.0, abs=0.03)


def test_what_comes_late_and_goes_early_is_told_once(tmp_path: Path) -> None:
    late = _inspected(tmp_path, _video(3), _audio(1, start_s=2.0))
    assert _odd(late) == ["The audio begins 2.0 s after the video."]
    early = _inspected(tmp_path, _video(1), _audio(3))
    assert _odd(early) == ["The audio ends 2.0 s after the video."]


def _quiet(start_s: float, pauses: int) -> list[Packet]:
    """Opus with DTX: a packet that says that nothing follows, then 0.38 s of nothing, again."""
    sound, found = audio_frames("opus", 40), list[Packet]()
    for number in range(pauses):
        at_s = start_s + number * 0.42
        found += audio_packets(microphone(), sound[:1], start_s=at_s)
        says_so = replace(sound[0], data=sound[0].data[:1])
        found += audio_packets(microphone(), (says_so,), start_s=at_s + 0.02)
    return found


def test_what_opus_does_not_send_is_no_gap(tmp_path: Path) -> None:
    found = _inspected(tmp_path, _video(6.2), _audio(1) + _quiet(1.0, 10) + _audio(1, start_s=5.2))
    assert _odd(found) == []
    content = found.audio[0].sound
    assert content is not None
    assert content.unsent.count == 10
    assert content.unsent.total_s == pytest.approx(3.8, abs=0.01)
    assert next(
        (name, value.partition(":")[0]) for name, value in rows(found) if "not sent" in name
    ) == ("  not sent", "10; 3.800 s in all; the longest")


def test_a_mute_while_it_was_quiet_is_a_gap(tmp_path: Path) -> None:
    found = _inspected(tmp_path, _video(5), _audio(1) + _quiet(1.0, 1) + _audio(1, start_s=4.0))
    assert _odd(found) == ["The audio has gaps: 3.0 s at 0:01.0."]


def test_pcm_of_one_channel_is_mono(tmp_path: Path) -> None:
    track = microphone("pcmu")
    found = _inspected(tmp_path, [*audio_packets(track, audio_frames("pcmu", 20))])
    assert found.audio[0].header.layout == "mono"
