"""Archives of backups and exports: what they are made of, how they are written and how they are read."""
