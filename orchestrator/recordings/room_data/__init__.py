"""What happened in a room besides its media: lines of a recording, and what is made of them."""
