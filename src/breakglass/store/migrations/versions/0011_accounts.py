# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders that people give over the API remember by which entity of Vault's identity they came; incidents are listed by opening."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make columns and index; who gave an order on the runner's machine has no entity."""
    for name in ("entity", "account"):
        op.add_column("incident_order", sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index("by_opening", "incident", ["opened_at", "id"])
