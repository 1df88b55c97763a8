# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: the main job on embedded defaults."""
