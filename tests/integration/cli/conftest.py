"""What a test of the command line is given."""

from tests.kit.cli import here, orchestrator, place

__all__ = ["here", "orchestrator", "place"]
