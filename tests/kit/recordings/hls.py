"""Recordings in a catalog whose segments a test lays out, and what a player has of their HLS."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.fragments.packets import packets
from orchestrator.hls.silence import SILENT
from orchestrator.outputs.specs import HlsOutput, plain, shown
from orchestrator.server.hls.recordings import HlsRecordings
from tests.kit.catalog.rows import NOON, recording

ID = "r0001"


async def begin(catalog: Catalog, folder: Path, **columns: Any) -> Recording:
    """A recording that runs, since noon."""
    values: dict[str, Any] = {
        "state": "recording",
        "started_at": NOON,
        "work_directory": str(folder),
        "output_path": str(folder / "final.mp4"),
    }
    row = recording(ID, **(values | columns))
    await catalog.create(row)
    return row


async def add_segment(catalog: Catalog, number: int, path: Path, **columns: Any) -> None:
    """A segment that is being written; `outcome`: that has ended."""
    values: dict[str, Any] = {"part": 1, "offset_s": 0.0, "started_at": NOON, "end_s": 1.0}
    row = Segment(recording_id=ID, number=number, path=str(path), **(values | columns))
    await catalog.add_segment(row)


async def add_output(catalog: Catalog, **options: Any) -> None:
    """An output of HLS with these options."""
    output = HlsOutput(type="hls", **options)
    row = OutputRow(
        id="o1", recording_id=ID, number=1, kind="hls", spec=plain(output), created_at=NOON
    )
    row.shown = shown(output)
    await Outputs(catalog).add(row)


async def end(catalog: Catalog, final: Path | None, **columns: Any) -> None:
    """Completes it, with this file or none."""
    if final is not None:
        values: dict[str, Any] = {"number": 1, "offset_s": 0.0, "duration_s": 1.0}
        values |= {"size_bytes": final.stat().st_size, "made_at": NOON}
        await catalog.put_file(File(recording_id=ID, path=str(final), **(values | columns)))
    await catalog.update(ID, state="completed")


def uris(playlist: str) -> list[tuple[str, str]]:
    """Of each piece: its header's, and its own."""
    found, init = [], ""
    for line in playlist.splitlines():
        if (named := re.match(r'#EXT-X-MAP:URI="(.+)"', line)) is not None:
            init = named[1]
        elif line and not line.startswith("#"):
            found.append((init, line))
    return found


async def played(hls: HlsRecordings, id: str = ID) -> list[tuple[str, float, bytes]]:
    """All packets that the playlist's pieces have but for silence: kind, time in their segment,
    content.
    """
    playlist = (await hls.view(id)).media.plain.decode()
    found: list[tuple[str, float, bytes]] = []
    for init_uri, uri in uris(playlist):
        run, _, name = uri.partition("/")
        header = re.fullmatch(r"(.+)/init(\d*)\.mp4", init_uri)
        assert header is not None
        assert header[1] == run
        init = await hls.init(id, run, int(header[2] or 0))
        data = await hls.piece(id, run, int(name.removesuffix(".m4s")))
        found += [
            (packet.stream.type, float((packet.pts or 0) * packet.time_base), bytes(packet))
            for packet in packets(init, data, "mp4")
            if bytes(packet) != SILENT
        ]
    return found
