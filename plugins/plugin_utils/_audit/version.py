# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of the collection, as galaxy.yml has it."""

from __future__ import annotations

COLLECTION_VERSION = "0.1.0"
