"""The metadata that all tables share: how constraints and indexes are named, and the revision this code needs."""

from sqlalchemy import MetaData

SCHEMA_VERSION = "0006"
"""The newest revision in migrations/versions: what this code reads and writes."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
