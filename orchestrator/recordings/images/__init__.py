"""Still images of recordings: previews while they run, thumbnails of their files."""
