"""The environment of ffmpeg: the same for every run, and without secrets of ours.

Everything that runs ffmpeg (recordings, joins, calibration, checks, capability queries) uses
`passed_on`: an ffmpeg that works in a check works in a recording, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

from orchestrator.settings import PREFIX
from orchestrator.settings.value_types import FFMPEG_ENVIRONMENT

_SECRET: Final = re.compile("KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH", re.IGNORECASE)


def passed_on(
    names: Sequence[str] = FFMPEG_ENVIRONMENT, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables with these names. A `*` matches none whose name suggests a secret.

    ORCHESTRATOR_* is never included.
    """
    exact = {name for name in names if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
    return {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(PREFIX)
        and (name in exact or (name.startswith(prefixes) and not _SECRET.search(name)))
    }
