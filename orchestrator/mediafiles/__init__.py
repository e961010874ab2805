"""Media files and their folders: names, free space, probing, inspection."""
