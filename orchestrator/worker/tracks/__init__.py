"""Which of a room's publications are recorded, and how their frames reach the writer's queue."""
