"""The process that uploads, one for each catalog: ``python -m orchestrator.uploads.process``."""
