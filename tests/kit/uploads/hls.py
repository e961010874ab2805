"""What a player has of HLS in a folder or bucket."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.fragments.packets import packets
from tests.kit.mediafiles.fragmented import Timed
from tests.kit.recordings.hls import uris


def named(folder: Path) -> list[Path]:
    """All that the media playlist names, without headers twice."""
    found = uris((folder / "video.m3u8").read_text())
    return [folder / name for name in dict.fromkeys(one for both in found for one in both)]


def missing(folder: Path) -> list[Path]:
    """What the playlists name and isn't there."""
    master = folder / "master.m3u8"
    wanted = [folder / "video.m3u8"] if master.exists() else []
    wanted += named(folder) if (folder / "video.m3u8").exists() else []
    return [path for path in wanted if not path.exists()]


def played(folder: Path) -> list[Timed]:
    """All packets of the pieces, sorted."""
    found: list[Timed] = []
    for init, piece in uris((folder / "video.m3u8").read_text()):
        data = (folder / init).read_bytes(), (folder / piece).read_bytes()
        for packet in packets(*data, "mp4"):
            assert packet.pts is not None
            found.append((packet.stream.index, packet.pts * packet.time_base, bytes(packet)))
    return sorted(found)


def wrong_sums(folder: Path) -> list[str]:
    """Names whose SHA-256 isn't what sha256sums.txt says, and pieces that it doesn't have."""
    lines = (folder / "sha256sums.txt").read_text().splitlines()
    said = {line[66:]: line[:64] for line in lines}
    there = [path for path in folder.rglob("*") if path.suffix in (".m4s", ".mp4")]
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in there
    }
    return sorted(name for name in {*said, *found} if said.get(name) != found.get(name))
