# SPDX-License-Identifier: GPL-3.0-or-later
"""The person's side: their login in Vault, and a runner's API. Works from any machine."""
