"""What processes and the machine use."""
