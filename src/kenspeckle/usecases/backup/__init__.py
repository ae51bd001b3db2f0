"""Backup, restore, and encryption of a data folder in place."""
