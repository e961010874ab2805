"""What a benchmark was run on."""

from __future__ import annotations

import platform
from typing import Any

import psutil


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(),
        "load_before": psutil.getloadavg()[0],
    }
