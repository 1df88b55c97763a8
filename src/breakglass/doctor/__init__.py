# SPDX-License-Identifier: GPL-3.0-or-later
"""What `breakglass doctor` looks at: one small check a file in `checks/`, in the order in which a person mends things."""
