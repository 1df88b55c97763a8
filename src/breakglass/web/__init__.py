# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP: webhooks, health, metrics."""
