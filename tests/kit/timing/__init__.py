"""How true the times in a recording are (`python -m tests.kit.timing`)."""
