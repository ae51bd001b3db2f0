"""What is SQLite's alone: its engine, and removing deleted bytes from its files."""
