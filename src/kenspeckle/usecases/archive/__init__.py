"""Archives of backups and exports: format, writer and reader."""
