"""What becomes of workers' lines: one file, with nobody joining twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.recordings.room_data.published import RecordingFacts, RoomData, chapters, make
from orchestrator.recordings.room_data.raw_lines import as_line, origin_of, raw_path
from orchestrator.recordings.room_data.recording_time import FilePause

S = 1_000_000_000
BOOT = "this boot"


def write(work: Path, worker: int, *lines: dict[str, Any], tail: bytes = b"") -> None:
    path = raw_path(work, worker)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(map(as_line, ({"boot": BOOT}, *lines))) + tail)


def line(at_s: float, type: str, who: str | None = None, **more: Any) -> dict[str, Any]:
    named = {"participant": {"identity": who, "kind": "standard"}} if who else {}
    return {"ns": int((50 + at_s) * S), "wall_ms": 0, "type": type, **named, **more}


def made(work: Path, **more: Any) -> tuple[RoomData, list[dict[str, Any]]]:
    facts = RecordingFacts(
        work=work, header={"recording_id": "r"}, boot=BOOT, **{"origin_ns": None, **more}
    )
    target = work / "data.jsonl"
    result = make(facts, target)
    lines = [json.loads(each) for each in target.read_text().splitlines()]
    return result, lines


def test_the_last_zero_counts_for_all_of_a_worker(tmp_path: Path) -> None:
    chat = line(3, "chat", "ann", text="hi")
    write(tmp_path, 1, {"origin_ns": 52 * S}, chat, {"origin_ns": 51 * S})
    result, (header, first) = made(tmp_path)
    assert header == {"type": "header", "version": 1, "recording_id": "r"}
    assert first["at_s"] == 2.0
    assert "ns" not in first
    assert result.lines == 1
    assert "Ann" not in (result.chat_captions() or "")


def test_half_a_line_of_a_killed_worker_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, 1, {"origin_ns": 50 * S}, line(1, "chat", text="a"), tail=b'{"ns":1,"ty')
    write(tmp_path, 2, {"origin_ns": 50 * S}, line(5, "chat", text="b"))
    _, lines = made(tmp_path)
    assert [each.get("at_s") for each in lines] == [None, 1.0, 5.0]


def test_a_worker_that_died_before_it_knew_zero_has_the_recordings(tmp_path: Path) -> None:
    write(tmp_path, 1, line(1, "chat", text="a"))
    assert origin_of(raw_path(tmp_path, 1), BOOT, 50 * S) == 50 * S
    assert origin_of(raw_path(tmp_path, 1), "another boot", 50 * S) is None
    assert len(made(tmp_path, origin_ns=49 * S)[1]) == 2


def test_nobody_joins_twice_and_who_left_unseen_has_left(tmp_path: Path) -> None:
    track = {"track": {"sid": "TR_1"}}
    write(
        tmp_path,
        1,
        {"origin_ns": 50 * S},
        line(0, "roster", identities=["ann", "bob"]),
        line(0, "joined", "ann", before=True),
        line(0, "joined", "bob", before=True),
        line(0, "published", "ann", **track),
    )
    write(
        tmp_path,
        2,
        {"origin_ns": 50 * S},
        line(9, "roster", identities=["ann", "carl"]),
        line(9, "joined", "ann", before=True),
        line(9, "joined", "carl", before=True),
        line(9, "published", "ann", **track),
        line(10, "unpublished", "ann", **track),
        line(11, "published", "ann", **track),
    )
    _, (_, *lines) = made(tmp_path)
    found = [(each["type"], each.get("participant", {}).get("identity")) for each in lines]
    assert found == [
        ("joined", "ann"),
        ("joined", "bob"),
        ("published", "ann"),
        ("left", "bob"),
        ("joined", "carl"),
        ("unpublished", "ann"),
        ("published", "ann"),
    ]
    assert lines[3]["unnoticed"] is True
    assert lines[4]["unnoticed"] is True
    assert "before" not in lines[4]


def test_what_every_stream_has_is_no_file_by_itself(tmp_path: Path) -> None:
    write(tmp_path, 1, {"origin_ns": 50 * S}, line(0, "published", track={"sid": "x"}))
    result, lines = made(tmp_path)
    assert (result.lines, lines) == (0, [])


def test_captions_of_a_part_have_its_times(tmp_path: Path) -> None:
    lines = [line(at, "chat", "ann", text=f"at {at}") for at in (1, 20, 40)]
    write(tmp_path, 1, {"origin_ns": 50 * S}, *lines)
    result, _ = made(tmp_path)
    second = result.chat_captions(15, 30)
    assert second is not None
    assert "at 20" in second
    assert "00:00:05.000 -->" in second
    assert "at 1<" not in second
    assert "at 40" not in second
    assert result.chat_captions(100, 200) is None
    assert result.captions() is None


def test_markers_are_chapters_and_those_of_pauses_are_not(tmp_path: Path) -> None:
    lines = [line(at, "chapter", "ann", title=f"at {at}") for at in (1, 3, 9)]
    write(tmp_path, 1, {"origin_ns": 50 * S}, *lines)
    pauses = [FilePause(2, 5, cut=True)]
    facts = RecordingFacts(work=tmp_path, header={}, boot=BOOT, origin_ns=None, pauses=pauses)
    assert chapters(facts) == [(1.0, "at 1"), (4.0, "at 9")]
