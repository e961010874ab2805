"""A worker that holds a stream's publisher (WHIP), and records when it is asked to."""
