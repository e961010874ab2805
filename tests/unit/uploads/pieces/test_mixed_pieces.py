"""Pieces of a copy with several microphones, as an upload has them while it is recorded."""

from __future__ import annotations

from pathlib import Path

from orchestrator.catalog.store import Catalog
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.uploads.pieces.source import PieceSource
from tests.kit.mediafiles.voices import Voice, call
from tests.kit.recordings.hls import ID, add_segment, begin, end


async def test_what_is_sent_is_what_the_server_has(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "0001.mkv"
    await begin(catalog, tmp_path, tracks="all")
    await add_segment(catalog, 1, path)
    source, sent = PieceSource(catalog, ID, {}), dict[str, bytes]()
    for _ in call(path, Voice(440), Voice(620), Voice(880, ((4.5, 10.0),))):
        await source.look()
        for entry in source.after(len(sent)):
            sent[entry.name] = await source.data(entry)
        await source.view(len(sent), ended=False)  # lets go of where these were
    assert len(sent) >= 3
    await end(catalog, path)
    hls = HlsRecordings(catalog)
    for name, data in sent.items():
        run, _, number = name.removesuffix(".m4s").partition("/")
        assert await hls.piece(ID, run, int(number)) == data
