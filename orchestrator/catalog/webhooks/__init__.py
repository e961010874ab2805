"""The catalog's queue of web hook deliveries."""
