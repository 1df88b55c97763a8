# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of Ansible under a grant: its directory, and what its callback tells its actions."""
