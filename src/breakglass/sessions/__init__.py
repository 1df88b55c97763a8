# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of people on hosts: through the runner, recorded while they last, and ended for real."""
