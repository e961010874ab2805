"""What a test of the command line is given."""

from tests.kit.cli import here, orchestrator, place
from tests.kit.terminal import manager

__all__ = ["here", "manager", "orchestrator", "place"]
