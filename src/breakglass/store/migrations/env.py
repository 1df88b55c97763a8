# SPDX-License-Identifier: GPL-3.0-or-later
"""Alembic's entry: migrations run on the connection that `database.py` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from breakglass.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
