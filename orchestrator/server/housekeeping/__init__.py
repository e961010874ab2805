"""What a server does beside its recordings: clean-up after a crash, retention, maintenance."""
