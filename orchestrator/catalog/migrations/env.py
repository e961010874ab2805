"""Alembic's entry point: runs the revisions on the connection that `upgrade` opened."""

from alembic import context

from orchestrator.catalog.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # The transaction is upgrade()'s: all revisions or none.
    transactional_ddl=False,
)
context.run_migrations()
