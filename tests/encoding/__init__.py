"""Tests of orchestrator.encoding."""
