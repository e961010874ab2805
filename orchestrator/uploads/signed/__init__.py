"""Addresses with a signature, where obstore makes wrong ones."""
