# SPDX-License-Identifier: GPL-3.0-or-later
"""What `breakglass init` does: ask, look at each answer at once, and write an installation that works, all of it or nothing."""
