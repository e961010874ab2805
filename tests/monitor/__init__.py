"""Tests of what measures processes and the machine."""
