"""Where streams come from: directories that know them, and how to connect to each."""
