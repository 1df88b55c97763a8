# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asked what, and when; with a person made of answers, since the real terminal is in tests/integration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import pytest

from breakglass.errors import BreakglassError
from breakglass.init.asking import MissingAnswer, Question, require, settle

QUESTION = Question("Where", given="", usual="", option="--where")


@dataclass
class Scripted:
    """A person whose answers are known beforehand; without any there is nobody."""

    lines: list[str] = field(default_factory=list)
    agrees: list[bool] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def is_there(self) -> bool:
        return bool(self.lines or self.agrees)

    def ask(self, question: Question) -> str:
        self.told.append(f"{question.words}?")
        return self.lines.pop(0) or question.usual

    def confirm(self, words: str) -> bool:
        self.told.append(words)
        return self.agrees.pop(0)

    def tell(self, text: str) -> None:
        self.told.append(text)


@dataclass(frozen=True)
class Even:
    """An answer that is good when it is an even number."""

    number: int
    found: str

    @classmethod
    def of(cls, text: str) -> Self:
        if not text.isdecimal() or int(text) % 2:
            raise BreakglassError("This is no even number.")
        return cls(int(text), f"half of it is {int(text) // 2}")


def test_asking_until_it_is_good() -> None:
    """A bad answer is said to be bad and asked for again; what was found in a good one is told."""
    person = Scripted(["x", "3", "4"])
    assert settle(person, QUESTION, Even.of).number == 4
    assert person.told == [*(["Where?", "This is no even number."] * 2), "Where?", "half of it is 2"]


def test_what_is_usual() -> None:
    """Typing nothing takes what is usual; without a terminal it is taken at once."""
    usual = replace(QUESTION, usual="6")
    assert settle(Scripted([""]), usual, Even.of).number == 6
    nobody = Scripted()
    assert settle(nobody, usual, Even.of).number == 6
    assert nobody.told == ["half of it is 3"]


def test_what_was_given() -> None:
    """What was given is not asked for; when it is bad that is an error, also at a terminal."""
    person = Scripted(["2"])
    assert settle(person, replace(QUESTION, given="8", usual="6"), Even.of).number == 8
    assert person.told == ["half of it is 4"]
    with pytest.raises(BreakglassError, match="no even number"):
        settle(Scripted(["2"]), replace(QUESTION, given="7"), Even.of)


def test_what_a_person_must_agree_to() -> None:
    """A no asks for another answer, also after one that was given; without a terminal nobody is asked to agree."""
    question = replace(QUESTION, confirm="Sure?")
    person = Scripted(["2", "x", "4"], [False, True])
    assert settle(person, question, Even.of).number == 4
    assert person.told[:4] == ["Where?", "half of it is 1", "Sure?", "Where?"]

    person = Scripted(["2"], [False, True])
    assert settle(person, replace(question, given="8"), Even.of).number == 2
    assert settle(Scripted(), replace(question, given="8"), Even.of).number == 8


def test_nobody_to_ask() -> None:
    """Without a terminal everything that is missing is named at once, by its option."""
    other = replace(QUESTION, option="--what (or WHAT)")
    with pytest.raises(MissingAnswer, match=r"Give --where, --what \(or WHAT\)\.$"):
        require(Scripted(), [QUESTION, other, replace(QUESTION, given="1"), replace(QUESTION, usual="1")])
    with pytest.raises(MissingAnswer, match="--where"):
        settle(Scripted(), QUESTION, Even.of)
    require(Scripted(["somebody"]), [QUESTION])
