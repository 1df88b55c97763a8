# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporting a journal: stream after stream, record after record, so that the size of the journal does not matter."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import line_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.cloudevents import to_cloudevent
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.csv_rows import (
    HEADER,
    line_of_cells,
    to_row,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.ocsf import to_ocsf

from breakglass.errors import BreakglassError
from breakglass.formats import Format
from breakglass.reading import origin_of, records_by_time
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.reading import Story, Troubles
    from breakglass.selection import Selection


class UnwritableExport(BreakglassError):
    """Raised when the file of an export can't be written."""


def exported(
    journal: Path, chosen: Iterable[Story], selection: Selection, form: Format, troubles: Troubles
) -> Iterator[str]:
    """Yield the export piece by piece, each with its line's end.

    Args:
        journal: Its directory.
        chosen: Which incidents, runs and streams of it.
        selection: Which of their records.
        form: What they become.
        troubles: Takes what could not be read.
    """
    if form is Format.CSV:
        yield line_of_cells(HEADER)
    write = _writer(form, journal)
    for story in chosen:
        for record in records_by_time(journal, story.streams, troubles):
            if selection.takes(event_of(record)):
                yield write(record)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a file (mode 0600) that takes the place of `path` when the block ends well, and is gone when it does not.

    Raises:
        UnwritableExport: The system refuses.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise UnwritableExport(f"{path} can't be written: {error.strerror}.") from error


def _writer(form: Format, journal: Path) -> Callable[[Record], str]:
    match form:
        case Format.CSV:
            return lambda record: line_of_cells(to_row(record))
        case Format.OCSF:
            return lambda record: _json_line(to_ocsf(record))
        case Format.CLOUDEVENTS:
            source = f"/{origin_of(journal)}"
            return lambda record: _json_line(to_cloudevent(record, source))
        case Format.JSONL:
            return lambda record: f"{line_of(record).decode()}\n"


def _json_line(value: object) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
