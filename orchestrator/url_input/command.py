"""The ffmpeg that reads an address: its arguments, and the list that it reads from its input. Pure.

The address may hold a stream key or a passphrase, and every user of a machine sees the arguments of
its processes. So it is given as a list for the concat demuxer, on standard input (FFmpeg,
libavformat/concatdec.c); that demuxer also turns H.264 into an Annex B byte stream.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator.url_input.address import Address

ANALYSED_S: Final = 3
"""Seconds of the stream in which a video or audio has to begin; what begins later isn't read."""

_TIMED: Final = r"setts=pts=if(eq(PTS\,NOPTS)\,DTS\,PTS)"
"""FFmpeg's RTSP demuxer (9.0) gives the first frame no PTS, and NUT takes none without."""

_PROBED_BYTES: Final = 5_000_000


def arguments(ffmpeg: Path, address: Address, *, look: bool = False) -> list[str]:
    """Reads the first video and the first audio, and writes them as they are, in NUT, to stdout.

    Nothing is held back: packets go on in the order in which they came, with the sender's times
    (``copyts``). With `look` it ends after the first packets, and writes nothing.
    """
    output = ("-t", "0.1", "-f", "null", "pipe:1") if look else ("-f", "nut", "pipe:1")
    return [
        str(ffmpeg),
        *("-hide_banner", "-nostats", "-loglevel", "level+info"),
        *(("-copyts", "-re") if address.is_file else ("-copyts",)),
        *("-f", "concat", "-safe", "0"),
        *("-protocol_whitelist", f"pipe,{address.protocols}"),
        *("-i", "pipe:0"),
        *("-map", "0:V:0?", "-map", "0:a:0?"),
        *("-c", "copy", "-bsf:v", _TIMED, "-max_interleave_delta", "1", "-flush_packets", "1"),
        *output,
    ]


def listing(address: Address) -> bytes:
    """What the concat demuxer reads: the address, with the options to open it with."""
    options = {
        "protocol_whitelist": address.protocols,
        "analyzeduration": str(ANALYSED_S * 1_000_000),
        "probesize": str(_PROBED_BYTES),
        "fpsprobesize": "0",
        **address.options,
    }
    lines = [f"option {name} {value}" for name, value in options.items()]
    url = address.url.replace("'", r"'\''")
    return "\n".join(("ffconcat version 1.0", f"file '{url}'", *lines, "")).encode()
