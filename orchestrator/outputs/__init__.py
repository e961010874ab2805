"""What becomes of a recording besides its file: outputs and web hooks, as requests name them."""
