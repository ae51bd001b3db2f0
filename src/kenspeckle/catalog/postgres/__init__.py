"""What only PostgreSQL needs: its engine, the meaning of its errors, advisory locks, inspection and copies."""
