"""WHEP: one resource over HTTP."""
