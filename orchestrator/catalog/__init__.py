"""What is wanted, what is and what was (the database), and the files that come of it."""
