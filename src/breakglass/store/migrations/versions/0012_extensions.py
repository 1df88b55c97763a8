# SPDX-License-Identifier: GPL-3.0-or-later
"""A request may extend another one: which, so that its hosts go over to it and are never free in between."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
EXTENDS = sa.text("extends IS NOT NULL")


def upgrade() -> None:
    """Add the column, and what finds by it."""
    op.add_column("incident", sa.Column("extends", sa.Text))
    op.create_index("extended", "incident", ["extends"], sqlite_where=EXTENDS, postgresql_where=EXTENDS)
