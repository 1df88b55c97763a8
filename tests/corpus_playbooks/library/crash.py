#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that raises what it was told."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

raise RuntimeError("cannot use " + AnsibleModule({"text": {"type": "str"}}).params["text"])
