"""From frames with times to one NUT stream in a named pipe."""
