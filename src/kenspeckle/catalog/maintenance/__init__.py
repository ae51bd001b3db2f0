"""Work on a whole database: backup, inspection, encryption in place."""
