"""What a test of a whole recorder is given."""

from tests.kit.managing import manager, settings_for

__all__ = ["manager", "settings_for"]
