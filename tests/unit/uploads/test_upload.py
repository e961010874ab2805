"""One pass of an upload to a folder, with a real catalog."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.encodes import Encodes, Replacement
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.server.deletion import delete_recording
from orchestrator.uploads import upload_pass
from orchestrator.uploads.contents import Content, contents_of, scratch_folder
from orchestrator.uploads.objects import ONE_REQUEST
from orchestrator.uploads.upload import Upload
from tests.kit.uploads.rows import (
    DATA,
    ID,
    file_of,
    put_recorded,
    put_upload,
    row_of,
    uploaded,
)


@pytest.fixture
async def path(catalog: Catalog, tmp_path: Path) -> Path:
    (tmp_path / "away").mkdir()
    await put_recorded(catalog, path := tmp_path / "talk.mp4")
    return path


@pytest.fixture(autouse=True)
def no_thumbnail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.uploads.contents._write_thumbnail", lambda *_: False)


async def run(catalog: Catalog, row: OutputRow) -> OutputRow:
    await Upload(catalog, await row_of(catalog, row), "private").run()
    return await row_of(catalog, row)


def away(path: Path) -> str:
    return (path.parent / "away").as_uri()


async def test_it_is_complete_and_leaves_no_scratch(catalog: Catalog, path: Path) -> None:
    row = await put_upload(catalog, away(path))
    done = await run(catalog, row)
    assert (done.state, done.error) == ("complete", None)
    assert (path.parent / "away" / f"talk-{ID}" / path.name).read_bytes() == DATA
    assert not scratch_folder(row.id).exists()


async def test_one_whose_secrets_cant_be_read_fails_and_the_recording_can_be_deleted(
    catalog: Catalog, path: Path
) -> None:
    rows = [await put_upload(catalog, away(path)) for _ in range(2)]
    await Outputs(catalog).change(rows[1].id, wanted="remove")
    catalog.path.with_name(catalog.path.name + ".key").unlink()
    failed, removed = [await run(catalog, row) for row in rows]
    assert (failed.state, removed.state) == ("failed", "removed")
    assert "can't be read" in (failed.error or "")
    await delete_recording(catalog, ID)
    assert not path.exists()


async def test_a_file_that_an_encode_replaces_meanwhile_is_followed(
    catalog: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = contents_of
    new = path.with_suffix(".webm")

    async def replaced(*of: Any) -> list[Content]:
        contents = await listed(*of)
        if path.exists():
            new.write_bytes(b"smaller")
            path.unlink()
            await Encodes(catalog).put_replaced(Replacement(file_of(new, 7), {}))
        return contents

    monkeypatch.setattr(upload_pass, "contents_of", replaced)
    row = await put_upload(catalog, away(path), fallback_url=path.parent.as_uri())
    between = await run(catalog, row)
    assert (between.state, between.error, between.next_try_at) == ("active", None, None)
    done = await run(catalog, row)
    assert done.state == "complete"
    assert "fallback_used" not in done.figures
    assert (path.parent / "away" / f"talk-{ID}" / new.name).read_bytes() == b"smaller"


async def test_a_missing_file_fails_without_the_second_target(catalog: Catalog, path: Path) -> None:
    path.unlink()
    row = await put_upload(catalog, away(path), fallback_url=path.parent.as_uri())
    failed = await run(catalog, row)
    assert (failed.state, failed.error_code) == ("failed", "file_gone")
    assert "fallback_used" not in failed.figures


async def test_files_stay_until_the_other_uploads_have_them(catalog: Catalog, path: Path) -> None:
    first, second = [
        await put_upload(catalog, away(path), keep_local="until_uploaded") for _ in range(2)
    ]
    waits = await run(catalog, first)
    assert (waits.state, path.exists()) == ("active", True)
    assert waits.next_try_at is not None
    assert (await run(catalog, second)).state == "complete"
    assert not path.exists()
    assert (await run(catalog, first)).state == "complete"
    files = UploadedFiles(catalog)
    assert [one.removed_at for one in await files.of_output(first.id)] == [None, None]
    removed = [one.name for one in await files.of_output(second.id) if one.removed_at]
    assert removed == [path.name]


@pytest.mark.parametrize(
    ("module", "name", "code"),
    [(upload_pass, "write_manifest", errno.ENOSPC), (Path, "unlink", errno.EACCES)],
)
async def test_what_is_in_the_way_here_is_tried_again(
    catalog: Catalog,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    code: int,
) -> None:
    row = await put_upload(catalog, away(path), keep_local="until_uploaded")
    with monkeypatch.context() as patched:
        patched.setattr(module, name, _raising(OSError(code, "no")))
        hindered = await run(catalog, row)
    assert (hindered.state, hindered.error_code) == ("retrying", "upload_hindered")
    assert hindered.next_try_at is not None
    assert (await run(catalog, row)).state == "complete"
    assert not path.exists()


async def test_what_is_open_at_the_first_target_isnt_forgotten_when_the_second_takes_over(
    catalog: Catalog, path: Path
) -> None:
    keys = {"access_key_id": "a", "secret_access_key": "b", "region": "x", "allow_http": "true"}
    options = keys | {"endpoint": "http://127.0.0.1:9"}
    row = await put_upload(catalog, "s3://bucket/x", options=options, fallback_url=away(path))
    begun = {"verified": None, "open_id": "id-1", "size_bytes": ONE_REQUEST + 1}
    await UploadedFiles(catalog).begin(uploaded(row, path, **begun))
    await Outputs(catalog).change(row.id, figures={"fallback_used": True})
    done = await run(catalog, row)
    assert done.state == "complete"
    left = [(one["open_id"], one["fallback"]) for one in done.figures["left_open"]]
    assert left == [("id-1", False)]


async def test_one_that_is_changed_while_it_is_sent_is_sent_again(
    catalog: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await put_upload(catalog, away(path))
    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.uploads.objects._is_changed", lambda _file: True)
        assert (await run(catalog, row)).state == "retrying"
    assert (await run(catalog, row)).state == "complete"


def _raising(error: OSError) -> Any:
    def raises(*_: Any, **_named: Any) -> None:
        raise error

    return raises
