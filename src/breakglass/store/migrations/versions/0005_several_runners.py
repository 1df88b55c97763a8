# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runners on one database: who they are, and whose each queued record, stream and session is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of runners, and say of what there is whose it is."""
    op.create_table(
        "runner",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    for table in ("outbox", "stream", "vault_session"):
        op.add_column(table, sa.Column("runner", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("vault_session", sa.Column("instance", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("incident", sa.Column("home", sa.Text(), nullable=True))
