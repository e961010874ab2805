"""Joins the segments of a recording into one file, without encoding again.

ffmpeg's concat demuxer puts each part where its offset says (libavformat/concatdec.c: ``duration``
decides where the next file begins, whatever the part itself holds), so a hole between two runs
stays a hole of its true length, in sound and picture alike. Sound that two parts share is taken
once (`seam`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import av

from orchestrator.encoding.ending import Ending
from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.seam import Part, sound_filter
from orchestrator.errors import EncodingFailed

_LOOK_S: Final = 1.0
_STILL_S: Final = 120.0
"""Neither progress nor CPU time for this long: the disk doesn't answer."""

_REACH_S: Final = 0.5
"""By how much the result may fall short of the beginning of the last part."""

_CONTAINER_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # The index first, so that a player can begin before it has the whole file.
    "mp4": ("-movflags", "+faststart+use_metadata_tags"),
    "mov": ("-movflags", "+faststart+use_metadata_tags"),
    "webm": ("-cues_to_front", "1"),
    "matroska": ("-cues_to_front", "1"),
}


async def join(
    ffmpeg: Path,
    parts: Sequence[Part],
    output: Path,
    *,
    container: str,
    keep_video: bool,
    keep_audio: bool,
    tags: Mapping[str, str],
    log_path: Path,
) -> None:
    """Writes `output` from `parts` (in order; all made by one preset, all readable).

    One part is allowed: its index moves to the front. What is left of an earlier attempt is
    replaced. Raises EncodingFailed (context: stderr), and then leaves no output.
    """
    listing = output.with_name(f"{output.name}.ffconcat")
    await asyncio.to_thread(listing.write_text, concat_list(parts), "utf-8")
    argv = join_command(
        str(ffmpeg),
        listing,
        output,
        container=container,
        keep_video=keep_video,
        keep_audio=keep_audio,
        tags=tags,
        sound=sound_filter(parts) if keep_audio else None,
    )
    try:
        await _complete(Run(argv, log_path), parts, output)
    except BaseException:
        await asyncio.to_thread(output.unlink, missing_ok=True)
        raise
    finally:
        await asyncio.to_thread(listing.unlink, missing_ok=True)


def concat_list(parts: Sequence[Part]) -> str:
    """The concat demuxer's script. Offsets count from the first part's."""
    lines = ["ffconcat version 1.0"]
    for number, part in enumerate(parts):
        lines.append(f"file {_quoted(part.path.absolute())}")
        # A full disk ends a file in the middle of a frame; passed on, that would end the join.
        lines.append("option fflags +discardcorrupt")
        if number + 1 < len(parts):
            lines.append(f"duration {parts[number + 1].offset_s - part.offset_s:.6f}")
    return "\n".join(lines) + "\n"


def join_command(
    ffmpeg: str,
    listing: Path,
    output: Path,
    *,
    container: str,
    keep_video: bool,
    keep_audio: bool,
    tags: Mapping[str, str],
    sound: str | None,
) -> list[str]:
    """The argv that copies the streams of a concat script into one file.

    `sound`: the bitstream filter of its sound.
    """
    kept = (("0:v:0", keep_video), ("0:a:0", keep_audio))
    return [
        ffmpeg,
        *("-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+info"),
        # Absolute paths are refused without it; the script is ours.
        *("-safe", "0"),
        *("-protocol_whitelist", "file"),
        # The priming samples before time 0 stay there; else everything would move by their length.
        "-copyts",
        *("-f", "concat", "-i", str(listing)),
        *(word for stream, keep in kept if keep for word in ("-map", stream)),
        *("-c", "copy"),
        *(("-bsf:a", sound) if sound else ()),
        *(word for k, v in tags.items() for word in ("-metadata", f"{k}={v}")),
        *("-f", container),
        *_CONTAINER_OPTIONS.get(container, ()),
        *("-y", str(output)),
    ]


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", r"'\''") + "'"


async def _complete(run: Run, parts: Sequence[Part], output: Path) -> None:
    try:
        await run.start()
        ending = await _patient(run)
    except OSError as error:
        raise EncodingFailed(
            f"The segments can't be joined: {run.argv[0]} can't be started: {error}",
            "The segments are kept; check the ffmpeg and start the join again.",
        ) from error
    finally:
        if run.alive:
            await run.kill()
    reached_s = await asyncio.to_thread(_end_s, output) if ending.returncode == 0 else 0.0
    _check(run, ending, parts, reached_s)


async def _patient(run: Run) -> Ending:
    """Until it has ended; killed when it stands still."""
    waiting = asyncio.create_task(run.wait())
    cpu_s, worked = run.cpu_s(), time.monotonic()
    while not (await asyncio.wait([waiting], timeout=_LOOK_S))[0]:
        now_s = run.cpu_s()
        if now_s != cpu_s:
            cpu_s, worked = now_s, time.monotonic()
        if time.monotonic() - max(worked, run.moved_at_s) > _STILL_S:
            return await run.kill()
    return waiting.result()


def _end_s(output: Path) -> float:
    """Where the file says that it ends."""
    try:
        with av.open(str(output)) as file:
            return (file.duration or 0) / 1_000_000
    except (OSError, av.FFmpegError):
        return 0.0


def _check(run: Run, ending: Ending, parts: Sequence[Part], reached_s: float) -> None:
    wanted_s = parts[-1].offset_s - parts[0].offset_s
    # A part that can't be read ends the concat demuxer early, with exit code 0.
    if ending.returncode != 0 or reached_s < wanted_s - _REACH_S:
        raise EncodingFailed(
            f"The segments ({len(parts)}) can't be joined: {ending.reason}, {reached_s:.1f} s of "
            f"at least {wanted_s:.1f} s written.",
            f"The segments are kept beside the log {run.log_path}; each of them can be played.",
            stderr=list(ending.stderr[-20:]),
        )
