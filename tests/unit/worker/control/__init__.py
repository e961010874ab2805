"""Tests of orchestrator.worker.control."""
