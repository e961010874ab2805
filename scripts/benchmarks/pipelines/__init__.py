"""What the pipelines' ffmpegs cost, and what comes of them."""
