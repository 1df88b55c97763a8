# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever closes an incident may say what it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the column; of what was closed before, nobody has said."""
    op.add_column("incident_order", sa.Column("verdict", sa.Text, nullable=False, server_default=sa.text("''")))
