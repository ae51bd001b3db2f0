"""Search over templates: exact, in memory, following the catalog."""
