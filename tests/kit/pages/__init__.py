"""What pages ask for, answered in the browser itself."""
