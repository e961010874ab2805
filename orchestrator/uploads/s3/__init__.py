"""Uploads in parts to S3 that another process can go on with, which obstore's can't be."""
