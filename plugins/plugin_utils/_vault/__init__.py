# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that this project says to Vault or OpenBao: login, grant, credentials, proof of revocation, preparation.

Start reading at `client.py` (how one request is made), then `grant.py` and `closing.py` (the life of a grant).
"""
