"""The catalog: the truth about collections, faces, users and keys, in one SQL database."""
