# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking at a terminal until an answer is good. What was given beforehand is not asked for, and must be good at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Answer(Protocol):
    """An answer that is good."""

    @property
    def found(self) -> str:
        """What was found when it was looked at, for people."""


Good = TypeVar("Good", bound=Answer)


class MissingAnswer(BreakglassError):
    """Raised when there is nobody to ask, and answers were not given by their options, which the text names."""


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        words: What is asked.
        given: What was given by an option; empty for nothing.
        usual: What counts when nothing is typed, and when nobody can be asked, as out of the environment; empty for nothing.
        option: What to give instead, for who has no terminal.
        hidden: Whether what is typed is a secret.
        confirm: What is asked of a person when the answer was found good; empty for nothing. A no asks anew.
    """

    words: str
    given: str
    usual: str
    option: str
    hidden: bool = False
    confirm: str = ""


class Terminal(Protocol):
    """Who answers."""

    @property
    def is_there(self) -> bool:
        """Whether somebody can be asked."""

    def ask(self, question: Question) -> str:
        """Ask for one line, which is not shown while it is typed when it is hidden."""

    def confirm(self, words: str) -> bool:
        """Ask for yes or no."""

    def tell(self, text: str) -> None:
        """Say something."""


def require(terminal: Terminal, questions: Iterable[Question]) -> None:
    """Say at once all that is missing, before anything is done. Raises MissingAnswer."""
    missing = [one.option for one in questions if not one.given and not one.usual]
    if missing and not terminal.is_there:
        raise MissingAnswer(f"There is no terminal to ask at. Give {', '.join(missing)}.")


def settle(terminal: Terminal, question: Question, look: Callable[[str], Good]) -> Good:
    """Get an answer that is good, and say what was found.

    Args:
        terminal: Who answers.
        question: What is asked.
        look: Makes the answer of a text; raises BreakglassError where the text is not good.

    Raises:
        MissingAnswer: There is no answer and nobody to ask.
        BreakglassError: The answer that was given beforehand is not good.
    """
    require(terminal, [question])
    text = question.given or question.usual
    asks = terminal.is_there and not question.given
    while True:
        if asks:
            text = terminal.ask(question)
        try:
            answer = look(text)
        except BreakglassError as error:
            if not asks:
                raise
            terminal.tell(str(error))
            continue
        terminal.tell(answer.found)
        if not (terminal.is_there and question.confirm) or terminal.confirm(question.confirm):
            return answer
        asks = True
