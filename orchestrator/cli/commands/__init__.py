"""The commands of `orchestrator`, one module for each."""
