"""The database: recordings, their segments, files and events, watches, costs, preferences."""
