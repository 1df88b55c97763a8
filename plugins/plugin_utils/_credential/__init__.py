# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials of a run: obtained under its grant, journalled, kept as files, renewed, and told to who closes it."""
