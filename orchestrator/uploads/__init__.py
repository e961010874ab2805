"""Uploads files of recordings to object storage: S3 and what speaks it, GCS, Azure, folders."""
