"""The queue of finished recordings that are encoded again, one at a time."""
