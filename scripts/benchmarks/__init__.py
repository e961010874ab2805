"""What is measured, one module for each; `./scripts/bench NAME` runs them."""
