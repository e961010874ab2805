"""From the catalog's rows and inner types to the wire's types. Pure."""
