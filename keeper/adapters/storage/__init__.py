"""The database: SQLite or PostgreSQL through SQLAlchemy. `Database` opens it, `SqlBooks` writes, `SqlReader` reads."""
