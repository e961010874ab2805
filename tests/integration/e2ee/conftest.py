"""A recorder of its own for each test."""

from tests.kit.managing import manager, settings_for

__all__ = ["manager", "settings_for"]
