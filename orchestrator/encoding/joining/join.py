"""Joins the segments of a recording into one file, without re-encoding.

ffmpeg's concat demuxer places each part at its offset (libavformat/concatdec.c: ``duration``
decides where the next file begins, whatever the part itself holds), so a gap between two runs
keeps its true length, in audio and video alike. Audio that two parts share is taken once (`seam`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import av

from orchestrator.encoding.joining.chapters import Chapters, metadata_of
from orchestrator.encoding.joining.seam import Part, audio_filter_of
from orchestrator.encoding.process.activity import Activity
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.encoding.process.disk_full import CAUSES
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.errors import EncodingFailed, NotEnoughDisk

_POLL_S: Final = 1.0
_STALL_S: Final = 120.0
"""Neither progress nor CPU time for this long: the disk doesn't respond."""

_REACH_S: Final = 0.5
"""By how much the result may fall short of the beginning of the last part."""

_SHIFTED_S: Final = 0.05
"""Audio of a segment whose zero is its first sample begins there, or with its run-up before."""

_CONTAINER_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # The index first, so that a player can begin before it has the whole file.
    "mp4": ("-movflags", "+faststart+use_metadata_tags"),
    "mov": ("-movflags", "+faststart+use_metadata_tags"),
    "webm": ("-cues_to_front", "1"),
    "matroska": ("-cues_to_front", "1"),
}


async def join(
    ffmpeg: FFmpeg,
    parts: Sequence[Part],
    output: Path,
    *,
    container: str,
    keep_video: bool,
    keep_audio: bool,
    tags: Mapping[str, str],
    log_path: Path,
    chapters: Chapters = (),
    end_s: float = 0.0,
) -> None:
    """Writes `output` from `parts` (in order; all made by one pipeline, all readable).

    One part is allowed: its index moves to the front. `end_s`: where the last of `chapters` ends.
    Remains of an earlier attempt are
    replaced. Raises NotEnoughDisk, or EncodingFailed (context: stderr), and then leaves no output.
    """
    parts = await asyncio.to_thread(_started, parts)
    listing = output.with_name(f"{output.name}.ffconcat")
    await asyncio.to_thread(listing.write_text, concat_list(parts), "utf-8")
    marks = output.with_name(f"{output.name}.chapters") if chapters else None
    if marks is not None:
        await asyncio.to_thread(marks.write_text, metadata_of(chapters, end_s), "utf-8")
    argv = join_command(
        str(ffmpeg.path),
        listing,
        output,
        container=container,
        keep_video=keep_video,
        keep_audio=keep_audio,
        tags=tags,
        audio_filter=audio_filter_of(parts) if keep_audio else None,
        chapters=marks,
    )
    try:
        run = Run(argv, log_path, environment=ffmpeg.environment)
        await _complete(run, parts, output)
    except BaseException:
        await asyncio.to_thread(output.unlink, missing_ok=True)
        raise
    finally:
        for path in (listing, marks):
            if path is not None:
                await asyncio.to_thread(path.unlink, missing_ok=True)


def concat_list(parts: Sequence[Part]) -> str:
    """The concat demuxer's script. Offsets count from the first part's."""
    lines = ["ffconcat version 1.0"]
    for number, part in enumerate(parts):
        lines.append(f"file {_quoted(part.path.absolute())}")
        # A full disk may cut a file within a frame; passed on, that would end the join.
        lines.append("option fflags +discardcorrupt")
        if number + 1 < len(parts):
            after = parts[number + 1]
            length_s = after.offset_s - after.early_s - part.offset_s + part.early_s
            lines.append(f"duration {length_s:.6f}")
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
    audio_filter: str | None,
    chapters: Path | None = None,
) -> list[str]:
    """The argv that copies the streams of a concat script into one file.

    `audio_filter`: its bitstream filter. `chapters`: a file that has them (joining.chapters).
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
        *(("-f", "ffmetadata", "-i", str(chapters)) if chapters is not None else ()),
        *(word for stream, keep in kept if keep for word in ("-map", stream)),
        *(("-map_metadata", "0", "-map_chapters", "1") if chapters is not None else ()),
        *("-c", "copy"),
        *(("-bsf:a", audio_filter) if audio_filter else ()),
        *(word for k, v in tags.items() for word in ("-metadata", f"{k}={v}")),
        *("-f", container),
        *_CONTAINER_OPTIONS.get(container, ()),
        *("-y", str(output)),
    ]


def _started(parts: Sequence[Part]) -> list[Part]:
    """Knowing which have their zero before their first sample (pipes.frame_rate_grid). Blocking.

    Of these an MP4 doesn't tell that the first packet of audio is the encoder's run-up.
    """
    first_s = _first_packet(parts[0].path)[1]
    if first_s >= _SHIFTED_S:  # the first segments are gone: what is left is alike
        return [*parts]
    return [parts[0], *(_shifted(part, first_s) for part in parts[1:])]


def _shifted(part: Part, first_s: float) -> Part:
    start_s, packet_s = _first_packet(part.path)
    if packet_s < _SHIFTED_S:
        return part
    return replace(part, early_s=packet_s - first_s - start_s)


def _first_packet(path: Path) -> tuple[float, float]:
    """Where a file says that it starts, and where its first packet of audio stands, in seconds."""
    try:
        with av.open(str(path)) as file:
            packets = file.demux(audio=0) if file.streams.audio else iter(())
            at = next((p.pts * p.time_base for p in packets if p.pts is not None), 0)
            return (file.start_time or 0) / 1_000_000, float(at)
    except (OSError, av.FFmpegError):
        return 0.0, 0.0


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", r"'\''") + "'"


async def _complete(run: Run, parts: Sequence[Part], output: Path) -> None:
    try:
        await run.start()
        result = await _wait_or_kill(run)
    except OSError as error:
        raise EncodingFailed(
            f"The segments can't be joined: {run.argv[0]} does not start: {error}",
            "The segments are kept; check this ffmpeg, then retry the join.",
        ) from error
    finally:
        if run.alive:
            await run.kill()
    reached_s = await asyncio.to_thread(_end_s, output) if result.returncode == 0 else 0.0
    _check(run, result, parts, reached_s)


async def _wait_or_kill(run: Run) -> RunResult:
    """Waits until it has ended; kills it if it stalls."""
    waiting = asyncio.create_task(run.wait())
    activity = Activity(time.monotonic(), run.cpu_s(), run.moved_at_s)
    while not (await asyncio.wait([waiting], timeout=_POLL_S))[0]:
        if activity.idle_s(time.monotonic(), run.cpu_s(), run.moved_at_s) > _STALL_S:
            return await run.kill()
    return waiting.result()


def _end_s(output: Path) -> float:
    """The end of the file by its header, in seconds."""
    try:
        with av.open(str(output)) as file:
            return (file.duration or 0) / 1_000_000
    except (OSError, av.FFmpegError):
        return 0.0


def _check(run: Run, result: RunResult, parts: Sequence[Part], reached_s: float) -> None:
    wanted_s = parts[-1].offset_s - parts[0].offset_s
    # A part that can't be read ends the concat demuxer early, with exit code 0.
    if result.disk_full_cause is not None:
        raise NotEnoughDisk(
            f"The segments ({len(parts)}) can't be joined: {CAUSES[result.disk_full_cause]}.",
            f"The segments are kept next to the log {run.log_path}; each can be played.",
        )
    if result.returncode != 0 or reached_s < wanted_s - _REACH_S:
        raise EncodingFailed(
            f"The segments ({len(parts)}) can't be joined: {result.reason}, {reached_s:.1f} s of "
            f"at least {wanted_s:.1f} s written.",
            f"The segments are kept next to the log {run.log_path}; each can be played.",
            stderr=list(result.stderr[-20:]),
        )
