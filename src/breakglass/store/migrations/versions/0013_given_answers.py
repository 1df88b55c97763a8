# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are sent again are not done again: by which key each was sent, and what it was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "given_answer",
        sa.Column("entity", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("media", sa.Text),
        sa.Column("content", sa.Text),
    )
    op.create_index("given_at", "given_answer", ["entity", "at"])
