# SPDX-License-Identifier: GPL-3.0-or-later
"""Shipping: every record of a journal to every sink, at least once, in the order of its stream."""
