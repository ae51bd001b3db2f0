"""Mirrors of large collections in a vector database: built, followed, compared with the catalog, removed."""
