"""Exact search over templates in memory, kept up to date with the catalog."""
