"""Finished recordings that are encoded again: what is asked for, and their states."""
