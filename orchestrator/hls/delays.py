"""Tracks that begin later than their file: said in fragments instead of the header. Pure.

ffmpeg's header has an empty edit for them (ISO/IEC 14496-12 §8.6.6). A player that ignores those,
as media source extensions may, would play such a track too early by its length.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from orchestrator.fragments.mp4_boxes import boxes, tracks


def without_delays(header: bytes) -> tuple[bytes, dict[int, int]]:
    """The header without empty edits, and by how many ticks each of these tracks is late.

    fragments.NotFragmented if it is damaged.
    """
    moov = next(box for box in boxes(header, 0, len(header)) if box.kind == b"moov")
    known = tracks(header[moov.at : moov.end])
    copy, late = bytearray(header), {}
    for trak in boxes(header, moov.content, moov.end):
        if trak.kind != b"trak":
            continue
        inside = {box.kind: box for box in boxes(header, trak.content, trak.end)}
        wide = header[inside[b"tkhd"].content] == 1
        (id,) = struct.unpack_from(">I", header, inside[b"tkhd"].content + (20 if wide else 12))
        ticks = round(known[id].shift_s * known[id].timescale)
        if ticks > 0 and (edits := inside.get(b"edts")) is not None:
            copy[edits.at + 4 : edits.content] = b"free"
            late[id] = ticks
    return bytes(copy), late


def delayed(data: bytes, late: Mapping[int, int]) -> bytes:
    """Fragments in which these tracks are that late; their positions stay."""
    if not late:
        return data
    copy = bytearray(data)
    for moof in boxes(data, 0, len(data)):
        if moof.kind != b"moof":
            continue
        for part in boxes(data, moof.content, moof.end):
            if part.kind == b"traf":
                inside = {box.kind: box for box in boxes(data, part.content, part.end)}
                (id,) = struct.unpack_from(">I", data, inside[b"tfhd"].content + 4)
                _delay(copy, inside[b"tfdt"].content, late.get(id, 0))
    return bytes(copy)


def _delay(copy: bytearray, at: int, ticks: int) -> None:
    form = ">Q" if copy[at] == 1 else ">I"
    (time,) = struct.unpack_from(form, copy, at + 4)
    struct.pack_into(form, copy, at + 4, time + ticks)
