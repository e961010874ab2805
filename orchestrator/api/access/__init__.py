"""Access control: origins, API key, sessions, reverse proxies, limits."""
