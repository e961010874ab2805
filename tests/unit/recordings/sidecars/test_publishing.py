"""Sidecars get beside the recording's file, whole and once, and never over another file."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from orchestrator.catalog.sidecars import table
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.checksums import add_checksums, add_missing_checksums
from orchestrator.recordings.sidecars.names import SidecarKind, name_of
from orchestrator.recordings.sidecars.publishing import Published, publish_sidecars
from tests.kit.recordings.sidecars import VTT, WithSidecars

NAMES = {
    "talk.images/00000010.0.jpg": b"image",
    "talk.sprite.jpg": b"sprite",
    "talk.sprite.vtt": VTT.encode(),
    "talk.data.jsonl": b'{"kind": "chat"}\n',
}


async def published(talk: WithSidecars) -> Published:
    return await publish_sidecars(talk.catalog, talk.row, talk.output, "group")


@pytest.fixture
async def talk(catalog: Catalog, tmp_path: Path) -> WithSidecars:
    talk = await WithSidecars(catalog, tmp_path / "out").create()
    await talk.write()
    return talk


async def test_while_it_is_recorded_they_lie_in_the_work_folder(talk: WithSidecars) -> None:
    rows = await talk.rows()
    assert set(rows) == set(NAMES)
    assert all(Path(row.path).is_relative_to(talk.work) for row in rows.values())
    image = rows["talk.images/00000010.0.jpg"]
    assert (image.at_s, image.size_bytes) == (10.03, 5)
    assert image.sha256 == hashlib.sha256(b"image").hexdigest()
    assert rows["talk.data.jsonl"].sha256 is None
    assert sorted(path.name for path in talk.folder.iterdir()) == [".talk.mp4.haven"]


async def test_they_get_beside_the_file(talk: WithSidecars) -> None:
    assert (await published(talk)).problems == []
    rows = await talk.rows()
    for name, content in NAMES.items():
        path = talk.folder / name
        assert rows[name].path == str(path)
        assert path.read_bytes() == content
        assert rows[name].size_bytes == len(content), "of what grew, too"
        assert path.stat().st_mode & 0o777 == 0o640
    assert (talk.folder / "talk.images").stat().st_mode & 0o777 == 0o750
    assert not (talk.work / "sidecars").exists()
    await add_checksums(talk.catalog, "r1")
    assert all(row.sha256 for row in (await talk.rows()).values())


async def test_files_of_others_stay_and_references_stay_right(talk: WithSidecars) -> None:
    (talk.folder / "talk.sprite.jpg").write_bytes(b"mine")
    (talk.folder / "talk.images").mkdir()
    (talk.folder / "talk.images" / "mine.jpg").write_bytes(b"mine")
    (talk.folder / "talk.data.jsonl").symlink_to("nowhere")
    assert (await published(talk)).problems == []
    rows = await talk.rows()
    assert sorted(rows) == [
        *("talk.sprite.vtt", "talk_2.data.jsonl", "talk_2.images/00000010.0.jpg"),
        "talk_2.sprite.jpg",
    ]
    assert (talk.folder / "talk.sprite.jpg").read_bytes() == b"mine"
    text = (talk.folder / "talk.sprite.vtt").read_text()
    assert text == VTT.replace("talk.sprite.jpg", "talk_2.sprite.jpg")
    vtt = rows["talk.sprite.vtt"]
    assert (vtt.size_bytes, vtt.sha256) == (len(text), None), "its checksum is computed anew"
    assert all(Path(row.path).is_file() for row in rows.values())


async def test_beside_a_file_that_got_another_name(talk: WithSidecars) -> None:
    await publish_sidecars(talk.catalog, talk.row, talk.folder / "talk_2.mp4", "private")
    assert "talk_2.sprite.jpg#xywh" in (talk.folder / "talk_2.sprite.vtt").read_text()
    assert set(await talk.rows()) == {name.replace("talk.", "talk_2.") for name in NAMES}


async def test_who_dies_before_the_catalog_knows_leaves_nothing_doubled(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(SidecarFiles, "move", died)
        with pytest.raises(OSError, match="killed"):
            await published(talk)
    assert (talk.work / "sidecars" / "sprite.jpg").exists()
    assert (await published(talk)).problems == []
    there = {p.relative_to(talk.folder).as_posix() for p in talk.folder.rglob("*") if p.is_file()}
    assert there == set(NAMES) == set(await talk.rows())


async def test_without_hard_links_they_are_moved(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links")

    monkeypatch.setattr(os, "link", refused)
    (talk.folder / "talk.data.jsonl").write_bytes(b"mine")
    assert (await published(talk)).problems == []
    rows = await talk.rows()
    assert Path(rows["talk_2.data.jsonl"].path).read_bytes() == NAMES["talk.data.jsonl"]
    assert (talk.folder / "talk.data.jsonl").read_bytes() == b"mine"


async def test_what_was_moved_before_its_worker_died_is_found(talk: WithSidecars) -> None:
    (talk.work / "sidecars" / "sprite.jpg").rename(talk.folder / "talk.sprite.jpg")
    assert (await published(talk)).problems == []
    assert (await talk.rows())["talk.sprite.jpg"].path == str(talk.folder / "talk.sprite.jpg")


async def test_what_somebody_deleted_is_forgotten(talk: WithSidecars) -> None:
    (talk.work / "sidecars" / "sprite.jpg").unlink()
    assert (await published(talk)).lost == ["talk.sprite.jpg"]
    assert "talk.sprite.jpg" not in await talk.rows()


async def test_what_cant_be_published_is_kept_and_goes_the_next_time(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def full(source: Path, target: Path, **given: bool) -> None:
        if target.name == "talk.sprite.jpg":
            raise OSError(errno.ENOSPC, "No space left on device")
        link(source, target, **given)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", full)
        assert (await published(talk)).problems == ["talk.sprite.jpg: No space left on device"]
    rows = await talk.rows()
    assert Path(rows["talk.sprite.jpg"].path).read_bytes() == b"sprite"
    assert rows["talk.data.jsonl"].path == str(talk.folder / "talk.data.jsonl")
    assert (await published(talk)).problems == []
    assert not (talk.work / "sidecars").exists()


async def test_an_image_that_nobody_listed_gets_beside_the_file_too(talk: WithSidecars) -> None:
    images = talk.work / "sidecars" / "images"
    (images / "00000020.5.jpg").write_bytes(b"unlisted")
    (images / ".00000030.0.jpg.new").write_bytes(b"half")
    (images / "0x.jpg").write_bytes(b"none of ours")
    assert (await published(talk)).problems == []
    rows = await talk.rows()
    assert set(rows) == {*NAMES, "talk.images/00000020.5.jpg"}
    row = rows["talk.images/00000020.5.jpg"]
    assert (row.at_s, row.size_bytes, row.kind) == (20.5, 8, "image")
    assert Path(row.path).read_bytes() == b"unlisted"


async def test_many_are_written_in_several_transactions(
    talk: WithSidecars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MOST_AT_ONCE", 2)
    sizes, move = list[int](), table._move

    def counted(id: str, batch: Sequence[tuple[str, SidecarFile]], session: Session) -> None:
        sizes.append(len(batch))
        move(id, batch, session)

    monkeypatch.setattr(table, "_move", counted)
    await publish_sidecars(talk.catalog, talk.row, talk.folder / "talk_2.mp4", "private")
    assert sizes == [2, 2]
    assert set(await talk.rows()) == {name.replace("talk.", "talk_2.") for name in NAMES}


async def test_an_image_that_came_later_gets_to_the_others(talk: WithSidecars) -> None:
    await published(talk)
    await talk.sidecars.write(
        SidecarKind.IMAGE, b"2", file_ending="images/00000020.0.jpg", at_s=20.0
    )
    await published(talk)
    assert (talk.folder / "talk.images" / "00000020.0.jpg").read_bytes() == b"2"


async def test_beside_a_final_file_one_is_replaced_only_by_its_own(talk: WithSidecars) -> None:
    (talk.folder / "talk.manifest.json").write_bytes(b"mine")
    for content in (b"{}", b'{"a": 1}'):
        row = await talk.sidecars.write_beside(SidecarKind.MANIFEST, content)
        assert row.name == "talk_2.manifest.json"
        assert Path(row.path).read_bytes() == content
    assert (talk.folder / "talk.manifest.json").read_bytes() == b"mine"
    assert len([name for name in await talk.rows() if "manifest" in name]) == 1
    assert not list(talk.folder.glob(".*.new"))


async def test_checksums_that_a_dead_worker_owes_are_made_up(
    catalog: Catalog, tmp_path: Path
) -> None:
    talk = await WithSidecars(catalog, tmp_path / "out", {"state": "completed"}).create()
    await talk.write()
    await published(talk)
    await add_missing_checksums(catalog)
    assert all(row.sha256 for row in (await talk.rows()).values())


def test_names_follow_the_file() -> None:
    assert name_of(Path("/out/a.b.mp4"), "vtt") == "a.b.vtt"
