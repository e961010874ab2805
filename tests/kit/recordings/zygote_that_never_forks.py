"""A zygote as it is where a fork is unsafe; what `python -m` runs."""

from __future__ import annotations

import socket
import sys

from orchestrator.worker import main
from orchestrator.worker.zygote import become_worker

if __name__ == "__main__":
    control = socket.socket(fileno=sys.stdin.fileno())
    sys.exit(main.main() if become_worker(control, forks=False) else 0)
