# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's records in the forms that others read: OCSF, CloudEvents, CSV. Pure: a record goes in, values come out."""
