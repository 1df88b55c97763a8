# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding what a trigger has opened lately: the memory of the storm brake."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make its index."""
    op.create_index("opened_by", "incident", ["trigger", "opened_at"], unique=False)
