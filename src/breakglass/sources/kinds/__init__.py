# SPDX-License-Identifier: GPL-3.0-or-later
"""One file for each kind of sender: its `parse` turns a verified webhook into alerts. A file that is added here is a kind."""
