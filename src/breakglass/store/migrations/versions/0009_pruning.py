# SPDX-License-Identifier: GPL-3.0-or-later
"""When each message was last heard, so that what is forgotten is not what a sender still repeats; and finding what has long been closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from breakglass.store.clock import NOW

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make column and indexes; what was there before counts as heard now."""
    op.add_column("inbox", sa.Column("heard_at", sa.BigInteger(), server_default="0", nullable=False))
    inbox = sa.table("inbox", sa.column("heard_at", sa.BigInteger()))
    op.execute(sa.update(inbox).values(heard_at=NOW))
    closed = sa.text("state = 'closed'")
    op.create_index("long_closed", "incident", ["closed_at"], sqlite_where=closed, postgresql_where=closed)
    op.create_index("orders_of", "incident_order", ["incident"])
    op.create_index("streams_of", "stream", ["incident"])
