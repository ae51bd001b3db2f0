"""What only SQLite needs: its engine, name locks, copies, inspection, and removal of deleted bytes from its files."""
