# SPDX-License-Identifier: GPL-3.0-or-later
"""What exports and reports can be written in; a module of its own, so that the command line need not load what writes them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What records can be exported as."""

    OCSF = "ocsf"
    CLOUDEVENTS = "cloudevents"
    CSV = "csv"
    JSONL = "jsonl"


class Form(StrEnum):
    """What a report is written in."""

    MARKDOWN = "md"
    HTML = "html"
