"""How Alembic reaches the database: over the connection, and in the transaction, that it is given.

Started by `kenspeckle.catalog.schema`; there is no database of its own to configure, so no alembic.ini either.
"""

from __future__ import annotations

from alembic import context

from kenspeckle.catalog.tables import metadata

connection = context.config.attributes["connection"]
# SQLite undoes schema changes with their transaction like any other write, which Alembic does not count on by itself.
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
