# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit callback does: which fields of Ansible's events are recorded, and where."""
