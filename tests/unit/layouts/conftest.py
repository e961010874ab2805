"""What tests of the command `orchestrator layouts` are given."""

from tests.kit.cli import here, place

__all__ = ["here", "place"]
