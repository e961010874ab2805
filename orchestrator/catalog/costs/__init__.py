"""The catalog's table of what encoding costs on a machine."""
