"""Object storage of tests, and recordings that are uploaded to it."""
