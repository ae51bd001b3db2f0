"""Brings photographs from files and folders into a service: bulk indexing, drop folders, encodings."""
