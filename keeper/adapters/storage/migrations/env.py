"""Alembic's entry: runs the revisions on the connection that `Database.upgrade` hands over."""

from alembic import context

from keeper.adapters.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
