"""The catalog: collections, faces, users, keys and the audit trail in one SQL database."""
