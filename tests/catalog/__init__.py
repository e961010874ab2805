"""Tests of orchestrator.catalog."""
