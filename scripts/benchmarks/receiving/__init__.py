"""What receiving costs, beside others."""
