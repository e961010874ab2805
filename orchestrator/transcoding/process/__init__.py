"""The process of one encode: ``python -m orchestrator.transcoding.process``."""
