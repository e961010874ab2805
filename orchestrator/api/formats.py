"""Which formats and qualities can be asked for, and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.api.schemas.recording import (
    FormatCodecs,
    Formats,
    QualityPreset,
    SupportedFormats,
)
from orchestrator.encoding.pipeline import Preset
from orchestrator.recordings.request import DEFAULT_FORMAT, DEFAULT_QUALITY, FORMATS, QUALITIES

_RECOMMENDED = ("av1", "mp4")


def formats_of(presets: Mapping[str, Preset], av1_extension: str) -> Formats:
    """What /formats answers: the formats whose preset, the one of the same name, loaded."""
    there = [name for name in FORMATS if name in presets]
    qualities = {
        name: QualityPreset(video_bitrate=q.video_bitrate, audio_bitrate=q.audio_bitrate)
        for name, q in QUALITIES.items()
    }
    supported = SupportedFormats(
        formats=there,
        codecs={name: _codecs(presets[name], av1_extension) for name in there},
        quality_presets=qualities,
    )
    return Formats(
        supported_formats=supported,
        default_format=DEFAULT_FORMAT,
        recommended_formats=[name for name in _RECOMMENDED if name in there],
        formats=supported.formats,
        codecs=supported.codecs,
        quality_presets=supported.quality_presets,
    )


def _codecs(preset: Preset, av1_extension: str) -> FormatCodecs:
    usual = QUALITIES[DEFAULT_QUALITY]
    return FormatCodecs(
        video_codec=preset.video_codec,
        audio_codec=preset.audio_codec,
        video_bitrate=usual.video_bitrate,
        audio_bitrate=usual.audio_bitrate,
        extension=av1_extension if preset.format == "av1" else preset.extension,
    )
