# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as rows that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import re

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.csv_rows import (
    HEADER,
    LONGEST_CELL,
    line_of_cells,
    safe_cell,
    to_row,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE
from tests.support.journal_records import a_record, every_record, hostile_records

HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]
SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def is_a_formula(cell: str) -> bool:
    """Whether some spreadsheet might compute it, as a whole or from a semicolon on."""
    return any(
        part.strip(" \"'")[:1] in set(SIGNS) and not part.startswith("'") for part in re.split(r";[\s\"]*", cell)
    )


@pytest.mark.parametrize("record", every_record(), ids=lambda record: record.kind)
def test_every_record_is_a_row(record) -> None:
    """Each record is one row with a cell for every column, on one line."""
    cells = to_row(record)
    assert len(cells) == len(HEADER)
    assert list(csv.reader(io.StringIO(line_of_cells(cells)))) == [cells]
    assert line_of_cells(cells).count("\n") == 1


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_is_no_formula_and_no_row(text: str) -> None:
    """Whatever text a record holds, its row stays one row of text."""
    for record in hostile_records(text):
        cells = to_row(record)
        assert list(csv.reader(io.StringIO(line_of_cells(cells)))) == [cells]
        for cell in cells:
            assert cell.isprintable()
            assert len(cell) <= LONGEST_CELL + 2
            assert not is_a_formula(cell)


@pytest.mark.parametrize("sign", SIGNS)
def test_each_sign_of_a_formula_is_disarmed(sign: str) -> None:
    """A cell that would begin with such a sign begins with an apostrophe; white space before it does not help."""
    for text in (f"{sign}1+1", f"  {sign}cmd", f"\u00a0{sign}cmd", f'"{sign}1', f" \"'{sign}1"):
        assert is_a_formula(safe_cell(text)) is False
    assert safe_cell(f"{sign}1").startswith("'")


def test_plain_text_stays_as_it_is() -> None:
    """What is no formula is not touched."""
    for text in ("web1", "a-b", "1+1", "nginx; restarted", "Zürich", ""):
        assert safe_cell(text) == text


def test_semicolon_begins_no_formula() -> None:
    """Where a semicolon separates cells, the rest of a cell is no formula either."""
    assert safe_cell("x;=1+1") == "x;'=1+1"
    assert safe_cell('x; "@SUM(1)') == "x; \"'@SUM(1)"


@settings(deadline=None)
@given(st.text())
def test_no_text_becomes_a_formula(text: str) -> None:
    """There is no text that gets through."""
    assert is_a_formula(safe_cell(text)) is False


def test_columns_say_what_happened() -> None:
    """Host, status and what it was about have columns of their own."""
    cells = dict(
        zip(
            HEADER,
            to_row(a_record("task.result", {"host": "web1", "status": "failed", "msg": "no answer"})),
            strict=True,
        )
    )
    assert (cells["host"], cells["status"], cells["what"]) == ("web1", "failed", "no answer")
