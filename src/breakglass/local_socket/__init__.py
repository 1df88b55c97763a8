# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's door for people of its own machine, who are whoever the kernel says they are. It needs no Vault."""
