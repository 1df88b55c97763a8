# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: records in hash-chained streams, signed checkpoints, the ledger that names every stream, and the verifier."""
