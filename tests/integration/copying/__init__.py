"""Recordings whose frames are copied as they came."""
