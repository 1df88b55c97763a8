# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals: votes come with what people say to an incident; second factors are counted, and each code is good once. Reviews that are due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the column and the tables."""
    op.add_column("incident_order", sa.Column("vote", sa.Text, nullable=False, server_default=sa.text("''")))
    op.create_table(
        "review",
        sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), primary_key=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("called", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("verdict", sa.Text, nullable=False, server_default=sa.text("''")),
    )
    op.create_table(
        "factor",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "used_code",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
