# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a new remediation, as they are made by `breakglass remediation new`: a role that works, to be changed.

In them `skeleton` stands for its name, `acme.repairs` for its collection, `some-hosts` and `some-people` for what the policy names.
"""
