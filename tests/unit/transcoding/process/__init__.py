"""Tests of the process of an encode."""
