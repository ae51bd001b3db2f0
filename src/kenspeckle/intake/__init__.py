"""Photographs from files and folders on their way into a service: bulk indexing, drop folders, encodings."""
