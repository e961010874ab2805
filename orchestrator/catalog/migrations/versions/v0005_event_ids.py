"""Ids of events are never used again: who follows the story asks for those after the last one.

Without AUTOINCREMENT SQLite gives the highest id anew once its row is deleted
(sqlite.org/autoinc.html).
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the table anew, with its rows."""
    anew = {"sqlite_autoincrement": True}
    with op.batch_alter_table("events", recreate="always", table_kwargs=anew):
        """Nothing else changes."""
