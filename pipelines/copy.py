"""The frames as their publishers encoded them, in Matroska, WebM or MP4: no decoder, no encoder."""

from __future__ import annotations

COPIES = True
FORMATS = ("mkv", "webm", "mp4")
"""What can be asked for as output_format; without one it is the first."""
