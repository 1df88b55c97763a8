# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: watches over a play or an ansible-playbook, and ends it and its grant."""
