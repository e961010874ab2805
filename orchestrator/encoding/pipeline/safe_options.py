"""Output options without which a recording isn't safe, whatever its pipeline encodes with.

A pipeline begins its options with ``**job.safe_options``. Those that it leaves out are added to the
command all the same (`completed`); those that it sets to something else are its own affair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

SAFE_OPTIONS: Final[Mapping[str, Any]] = {
    # Every frame keeps its own time: none is repeated or dropped to fill a rate.
    "fps_mode": "passthrough",
    # The input's clock, so that no time is rounded on its way to the encoder and into the file
    # (WebM's own clock counts milliseconds).
    "enc_time_base:v": "1:90000",
    # A point to seek to each two seconds, by time, as frames come at no fixed rate.
    "force_key_frames:v": "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))",
    # To the disk at once, not when a buffer is full.
    "flush_packets": 1,
    # Packets strictly in order of time: the MP4 muxer moves a frame by tens of milliseconds when
    # one track runs ahead. Both tracks always go on, so none waits long.
    "max_interleave_delta": 0,
}

_CLUSTERS: Final[Mapping[str, Any]] = {
    # What is in a cluster can be played after a crash: three between two keyframes, in
    # milliseconds. With two of a second the second one ends by its length just before or behind the
    # keyframe, and what is before that is in the file a second late.
    "cluster_time_limit": 700
}
FRAGMENT_S: Final = 1.0
"""Of a fragment of MP4: that much can be lost."""
_FRAGMENTED: Final = frozenset({"mp4", "mov"})
_OF_CONTAINER: Final[Mapping[str, Mapping[str, Any]]] = {
    "webm": _CLUSTERS,
    "matroska": _CLUSTERS,
}

_INSTEAD: Final[Mapping[str, frozenset[str]]] = {
    # ffmpeg refuses passthrough beside a rate.
    "fps_mode": frozenset({"vsync", "r", "fpsmax"}),
    "force_key_frames": frozenset({"g"}),
    "frag_duration": frozenset({"frag_size", "min_frag_duration"}),
    "cluster_time_limit": frozenset({"cluster_size_limit"}),
    "f": frozenset({"format"}),
}
"""Other options that decide the same; with one of them ours isn't added."""

_CODEC: Final = frozenset({"c", "codec", "vcodec"})
_AT_A_RATE: Final = frozenset({"mpeg1video", "mpeg2video", "mpeg4"})
"""Encoders whose clock is a frame rate, or has at most 65535 ticks a second: with the input's they
don't open."""
_TIMES: Final = frozenset({"fps_mode", "enc_time_base"})
"""What such an encoder goes without: ffmpeg then gives it the frames at the input's rate."""

_OWN_FRAGMENTS: Final = (
    "hybrid_fragmented",
    "frag_keyframe",
    "frag_every_frame",
    "frag_custom",
    "empty_moov",
)
"""Flags of an MP4 that can be read after a crash."""


def safe_options(container: str, movflags: str, fragment_s: float = FRAGMENT_S) -> dict[str, Any]:
    """For an output in this container; `movflags` and `fragment_s` are MP4's own."""
    mp4: dict[str, Any] = {}
    if container in _FRAGMENTED:
        mp4 = {"movflags": movflags, "frag_duration": round(fragment_s * 1_000_000)}
    # The container is said, not guessed from the name, which is ours to choose.
    return {"f": container, **SAFE_OPTIONS, **mp4, **_OF_CONTAINER.get(container, {})}


def completed(
    given: Mapping[str, Any], safe: Mapping[str, Any], metadata: Mapping[str, str]
) -> dict[str, Any]:
    """The options of an output, with the safe ones that it lacks, and the tags that it lacks."""
    names = {_name(option) for option in given}
    codecs = {str(value) for option, value in given.items() if _name(option) in _CODEC}
    decided = names | (_TIMES if codecs & _AT_A_RATE else set())
    missing = {
        option: value
        for option, value in safe.items()
        if not decided & {_name(option), *_INSTEAD.get(_name(option), ())}
    }
    options = {**missing, **given, **_missing_tags(given, metadata)}
    if "movflags" in safe:
        options["movflags"] = _fragmented(str(options["movflags"]), safe["movflags"])
    return options


def outputs(node: Any) -> list[Any]:
    """The output nodes of ffmpeg-python behind one that merges them or has global options."""
    if "filename" in node.kwargs and node.name == "output":
        return [node]
    return [each for edge in node.incoming_edges for each in outputs(edge.upstream_node)]


def _fragmented(given: str, ours: str) -> str:
    """Our flags before those of the pipeline, unless it fragments the file in its own way.

    ffmpeg refuses `faststart` for a file that is fragmented; the index is moved when it is closed.
    """
    if any(flag in given for flag in _OWN_FRAGMENTS):
        return given
    flags = re.findall(r"[+-]?\w+", given)
    kept = [flag if flag[0] in "+-" else f"+{flag}" for flag in flags if "faststart" not in flag]
    return ours + "".join(kept)


def _missing_tags(given: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, str]:
    tags = {_tag(value) for option, value in given.items() if _is_of_file(option)}
    missing = [value for value in metadata.values() if _tag(value) not in tags]
    free = (f"metadata:g:{n}" for n in range(len(given) + len(metadata)))
    free = (option for option in free if option not in given)
    return dict(zip(free, missing, strict=False))


def _is_of_file(option: str) -> bool:
    """Whether it is a tag of the file, not of a stream or a chapter."""
    name, _, of = option.partition(":")
    return name == "metadata" and of.partition(":")[0] in ("", "g")


def _tag(assignment: Any) -> str:
    """Its name, which ffmpeg compares without regard to case."""
    return str(assignment).partition("=")[0].casefold()


def _name(option: str) -> str:
    """Without the stream that it is for."""
    return option.partition(":")[0]
