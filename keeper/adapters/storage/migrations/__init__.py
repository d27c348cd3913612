"""Alembic revisions. They are part of the package, so that an installed wheel upgrades its database by itself."""
