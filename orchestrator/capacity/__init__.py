"""What recordings cost in CPU, which are admitted, and at which speed step."""
