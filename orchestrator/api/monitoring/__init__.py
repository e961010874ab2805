"""Monitoring: health, processes, the machine, metrics and live events."""
