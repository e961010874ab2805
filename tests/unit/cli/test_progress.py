"""What a recording looks like on the terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalog.models import Recording
from orchestrator.cli.error_messages import report
from orchestrator.cli.formatting import duration, number, print_table, size
from orchestrator.cli.progress import PLAIN_EVERY_S, Screen, facts, line
from orchestrator.errors import EncodingFailed, SourceRefused
from orchestrator.recordings.encodes.options import EncodeOptions

FIGURES: dict[str, Any] = {
    "duration_s": 62.04,
    "video": {"received": 1860, "written": 1858, "dropped": 2, "filled": 0, "fps": 29.9},
    "encoder": {"fps": 30.04, "speed": 1.001, "size_bytes": 7_654_321},
    "processes": {"worker": {"cpu_cores": 0.24}, "ffmpeg": {"cpu_cores": 1.05}},
    "warnings": [],
}


def recording(**values: Any) -> Recording:
    made = {"state": "recording", "figures": FIGURES, "output_path": "/films/x.av1"}
    codecs = {"video_codec": "libaom-av1", "audio_codec": "aac"}
    return Recording(**(made | codecs | values))


def test_the_line_tells_time_rate_speed_size_drops_and_cpu() -> None:
    assert line(recording()) == (
        "recording 1:02.0 | 30.0 fps 1.00x | 7.7 MB | 2 dropped | worker 24%, ffmpeg 105%"
    )


def test_what_a_server_said_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    sent = "\x1b]0;title\x07 \x9b2J"
    print_table(("stream",), [(sent,)])
    report(SourceRefused(f"The server refused ({sent}).", sent))
    report(EncodingFailed("ffmpeg failed.", stderr=[sent]))
    with Screen() as screen:
        screen.note(sent)
        screen.show(sent)
    shown = "".join(capsys.readouterr())
    assert shown.count("title") == 6
    assert not {"\x1b", "\x9b", "\x07"} & set(shown)


def test_warnings_stand_at_its_end() -> None:
    warned = recording(figures=FIGURES | {"warnings": ["The encoder is slow."]})
    assert line(warned).endswith(" | The encoder is slow.")


@pytest.mark.parametrize(
    "figures", [{}, {"video": None, "encoder": None, "processes": {"worker": None}}]
)
def test_what_was_not_measured_is_no_zero(figures: dict[str, Any]) -> None:
    shown = line(recording(figures=figures))
    assert shown == "recording - | - fps -x | - | - dropped | worker -, ffmpeg -"


def test_the_report_comes_from_the_file() -> None:
    probe = {
        "video": {"codec": "av1", "width": 1280, "height": 720, "average_fps": 29.97},
        "audio": {"codec": "aac", "sample_rate": 48000, "channels": 2},
    }
    done = recording(
        state="completed", probe=probe, duration_s=62.0, size_bytes=7_700_000, reason="stopped"
    )
    shown = dict(facts(done))
    assert shown["video"] == "av1 1280x720, 30.0 fps (libaom-av1)"
    assert shown["audio"] == "aac 48000 Hz, 2 channels (aac)"
    assert shown["frames"] == "1860 received, 1858 written, 2 dropped, 0 filled"
    assert (shown["file"], shown["duration"], shown["ended"]) == (
        "/films/x.av1",
        "1:02.0",
        "stopped",
    )


def test_a_report_of_nothing_claims_nothing() -> None:
    shown = dict(facts(recording(figures={}, probe=None)))
    assert {shown[name] for name in ("duration", "size", "video", "audio")} == {"-"}


def test_without_a_terminal_lines_come_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("orchestrator.cli.progress.time.monotonic", lambda: now_s)
    with Screen() as screen:
        screen.show("first")
        screen.show("too early")
        screen.note("said at once")
        now_s += PLAIN_EVERY_S
        screen.show("second [not markup]")
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ["first", "said at once", "second [not markup]"]
    assert printed.out == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (5e9, "5.0 GB"),
        (7.5e12, "7.50 TB"),
    ],
)
def test_sizes(value: float | None, words: str) -> None:
    assert size(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (0, "0:00.0"),
        (59.94, "0:59.9"),
        (59.96, "1:00.0"),
        (3599.99, "1:00:00.0"),
        (90_061.5, "25:01:01.5"),
    ],
)
def test_durations(value: float | None, words: str) -> None:
    assert duration(value) == words


@given(st.floats(min_value=0, max_value=1e7))
def test_a_duration_reads_back(value: float) -> None:
    parts = [float(part) for part in duration(value).split(":")]
    read = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    assert abs(read - value) < 0.06
    assert all(part < 60 for part in parts[1:])


def test_numbers() -> None:
    assert (number(None), number(2.5, ".1f"), number(0)) == ("-", "2.5", "0")


COPIED: dict[str, Any] = {
    "video": {"received": 1860, "written": 1858, "dropped": 2, "fps": 29.97},
    "duration_s": 62.0,
    "pipe_bytes": 7_654_321,
    "encoder": None,
    "processes": {"worker": {"cpu_cores": 0.04}, "ffmpeg": None},
}


def test_one_that_copies_has_no_encoder_to_tell_of() -> None:
    copied = recording(figures=COPIED, tracks="selected", video_codec="copy", audio_codec="copy")
    assert line(copied) == "recording 1:02.0 | 30.0 fps | 7.7 MB | 2 dropped | worker 4%"
    copied.probe = {
        "video": {"codec": "vp8", "width": 1280, "height": 720, "average_fps": 29.97},
        "audio": {"codec": "opus", "sample_rate": 48000, "channels": 2},
    }
    shown = dict(facts(copied))
    assert shown["video"] == "vp8 1280x720, 30.0 fps (as it came)"
    assert shown["audio"] == "opus 48000 Hz, 2 channels (as it came)"
    assert shown["frames"] == "1860 received, 1858 written, 2 dropped"
    assert shown["CPU"] == "worker 4% of one core"
    assert not {"tracks", "encode"} & shown.keys()


def test_of_several_tracks_the_names_are_shown() -> None:
    names = ("alice camera", "alice microphone", "bob microphone")
    probe = {"tracks": [{"name": name} for name in names]}
    assert dict(facts(recording(probe=probe, tracks="selected")))["tracks"] == ", ".join(names)
    assert "tracks" not in dict(facts(recording(probe=probe))), "one that is encoded has two"


def test_what_becomes_of_a_copy_that_was_to_be_encoded() -> None:
    asked = EncodeOptions("av1", quality="low", replace=True).as_dict()
    copied = recording(id="id7", tracks="selected", instead_of="av1", encode=asked)
    assert "encode id7 --pipeline av1 --quality low --replace" in dict(facts(copied))["encode"]
    copied.encode = None
    assert "encode" not in dict(facts(copied))
