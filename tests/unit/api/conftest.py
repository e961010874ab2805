"""What a test of the API is given."""

from tests.kit.api.fixtures import client, manager, open_to_a_page, served, settings

__all__ = ["client", "manager", "open_to_a_page", "served", "settings"]
