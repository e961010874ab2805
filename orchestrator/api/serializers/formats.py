"""The formats and qualities that can be requested. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.api.schemas.recording_control import (
    FormatCodecs,
    Formats,
    QualityPreset,
    SupportedFormats,
)
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.recordings.formats import DEFAULT_FORMAT, extension_of
from orchestrator.recordings.start_request import DEFAULT_QUALITY, QUALITIES

_RECOMMENDED = ("av1", "mp4")


def described(formats: Mapping[str, Pipeline], av1_extension: str) -> Formats:
    """What /formats answers for the formats of the loaded pipelines (recordings.formats)."""
    qualities = {
        name: QualityPreset(video_bitrate=q.video_bitrate, audio_bitrate=q.audio_bitrate)
        for name, q in QUALITIES.items()
    }
    supported = SupportedFormats(
        formats=list(formats),
        codecs={name: _codecs(made_by, av1_extension) for name, made_by in formats.items()},
        quality_presets=qualities,
    )
    return Formats(
        supported_formats=supported,
        default_format=DEFAULT_FORMAT,
        recommended_formats=[name for name in _RECOMMENDED if name in formats],
        formats=supported.formats,
        codecs=supported.codecs,
        quality_presets=supported.quality_presets,
    )


def _codecs(pipeline: Pipeline, av1_extension: str) -> FormatCodecs:
    usual = None if pipeline.copies else QUALITIES[DEFAULT_QUALITY]
    return FormatCodecs(
        video_codec=pipeline.video_codec,
        audio_codec=pipeline.audio_codec,
        video_bitrate=usual and usual.video_bitrate,
        audio_bitrate=usual and usual.audio_bitrate,
        extension=extension_of(pipeline, av1_extension),
    )
