# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy: loading with line numbers, checking, compiling to domain values."""
