"""Tests of what `orchestrator record` does with its terminal."""
