"""The client of a remote service: HTTP, errors, and answers as the core's data."""
