# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine looks for at every turn is found without reading every open incident."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
OPEN = sa.text("state != 'closed'")
LEASED = sa.text("lease_until > 0")


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("of_state", "incident", ["state"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("leased", "incident", ["lease_until"], sqlite_where=LEASED, postgresql_where=LEASED)
