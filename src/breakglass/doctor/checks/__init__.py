# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks: each is a function that takes what is known so far and yields what it finds. It changes nothing.

Whatever it raises becomes a finding (`examination.py`), so a check says what it has found and nothing else.
"""
