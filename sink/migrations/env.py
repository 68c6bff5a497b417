"""Run by Alembic: migrates the connection that ``sink.database.migrate`` hands over."""

from alembic import context

from sink.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata)
context.run_migrations()
