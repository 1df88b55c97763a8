#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that returns every field that a record has, each of a kind that nobody expects."""

from __future__ import annotations

import json

print(
    json.dumps(
        {
            "changed": {"not": "a truth"},
            "rc": "seven",
            "attempts": [1],
            "msg": {"nested": [None, 1.5, {"deep": ["\u0000\u202e" * 5]}]},
            "skip_reason": 7,
            "results": "none",
            "diff": [1, "text", {"before": 5, "after": None}, {"prepared": ["a"]}],
            "ansible_job_id": {"x": 1},
            "_ansible_delegated_vars": "nobody",
            "invocation": "nothing",
            "exception": 5,
            "failed": "perhaps",
        }
    )
)
