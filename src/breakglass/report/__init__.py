# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports on what the journal says: a case (an incident or a run) or all cases of a period, as Markdown or HTML. Pure."""
