"""Composition: creates the parts of a service, of a command or of a function, and connects them."""
