"""A built-in live stream with a clock, flashes and beeps, to try everything with."""
