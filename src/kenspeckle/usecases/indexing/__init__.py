"""Indexing by a manifest: a job whose slices several processes do together."""
