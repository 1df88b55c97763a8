# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages for people, made here and complete without any script: what waits for them, and their answer."""
