"""Ways of writing encoded frames into a file, compared."""
