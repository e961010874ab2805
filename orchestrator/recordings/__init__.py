"""What the server and a recording's worker share: states, requests, limits, outcomes."""
