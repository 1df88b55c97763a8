# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations: each is declared once, at the method that does it. The route and the OpenAPI document both come from that.

A method that is declared so takes a `Call` and gives what its `Done` says: a model, or None where an answer has no
content; a text or a response of its own where the media type is not JSON. It may be a coroutine; else it runs in a
thread. Errors that a `Refusal` names become problem details with its status; whatever else is a BreakglassError is 503.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from breakglass.domain.requests import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http import HTTPStatus

    from starlette.requests import Request

Method = TypeVar("Method", bound="Callable[..., Any]")
NOBODY = Person("", "", frozenset())
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
LARGEST_BODY = 65_536
_DECLARED = "_breakglass_operation"


class Said(BaseModel):
    """What a caller says, as a body or in the query: nothing but its fields, each of its own type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Shown(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def as_whole(value: object) -> object:
    """In JSON, 60.0 is the whole number 60 (JSON Schema 2020-12, 6.1.1); true is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(as_whole)]


Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text of a body: not every database takes NUL."""
OneLine = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""A text of a query: no control characters."""


class NoQuery(Said):
    """A query that has no parameters."""


SaidT_co = TypeVar("SaidT_co", bound=Said, covariant=True)


@dataclass(frozen=True)
class Call(Generic[SaidT_co]):
    """One call, once it is known who calls and what they say.

    Attributes:
        request: As it came.
        person: Who calls; NOBODY where nobody has to say so.
        said: The body of what has one, else the query.
        name: For what the operation makes, where it says that it names it; the same one when the call is repeated.
    """

    request: Request
    person: Person
    said: SaidT_co
    name: str = ""

    def path(self, name: str) -> str:
        """A part of the path, decoded."""
        return str(self.request.path_params[name])


@dataclass(frozen=True)
class Who:
    """Who may do something.

    Attributes:
        words: For people.
        scheme: Of the document's security schemes; empty where nobody has to say who they are.
    """

    words: str
    scheme: str


ANYBODY = Who("Anybody: it says nothing that is not public.", "")
PERSON = Who("Whoever Vault knows: an identity token of Vault as bearer token.", "identityToken")


@dataclass(frozen=True)
class Done:
    """The answer when it is done.

    Attributes:
        status: Of the answer.
        when: What is true then.
        content: Its model; None where it has no content, or another media type than JSON.
        media: Its media type.
    """

    status: HTTPStatus
    when: str
    content: type[Shown] | None = None
    media: str = JSON

    @property
    def is_empty(self) -> bool:
        """Whether the answer has no content."""
        return self.content is None and self.media == JSON


@dataclass(frozen=True)
class Refusal:
    """An answer when it is not done: problem details (RFC 9457).

    Attributes:
        status: Of the answer.
        when: What is true then.
        errors: What the method raises for it; none where it raises Problem.
    """

    status: HTTPStatus
    when: str
    errors: tuple[type[Exception], ...] = ()


@dataclass(frozen=True)
class Operation:
    """One thing that can be done over HTTP.

    Attributes:
        method: GET, POST, DELETE, …
        path: With its parameters in braces.
        name: The id of the operation.
        summary: In one line.
        done: The answer when it is done.
        who: Who may do it.
        group: What it belongs to, for the reader.
        body: What a body says; None where there is none.
        query: What the query says.
        largest_body: In bytes.
        refusals: What else it answers, besides what follows from the other fields.
        reads_itself: Whether the method reads the body, which has no one form.
        names: Gives a name to what it makes, before it is made, so that a repetition after a crash makes no second one.
    """

    method: str
    path: str
    name: str
    summary: str
    done: Done
    who: Who = PERSON
    group: str = "requests"
    body: type[Said] | None = None
    query: type[Said] = NoQuery
    largest_body: int = LARGEST_BODY
    refusals: tuple[Refusal, ...] = ()
    reads_itself: bool = False
    names: Callable[[], str] | None = None

    @property
    def has_body(self) -> bool:
        """Whether somebody says something with it."""
        return self.body is not None or self.reads_itself

    @property
    def is_repeatable(self) -> bool:
        """Whether a key may be sent with it, so that it is done once however often it is sent."""
        return self.method == "POST" and self.who.scheme == PERSON.scheme

    def refusal_for(self, error: Exception) -> Refusal | None:
        """What an error of the method is answered with."""
        return next((refusal for refusal in self.refusals if isinstance(error, refusal.errors)), None)


def operation(declared: Operation) -> Callable[[Method], Method]:
    """Declare that a method does an operation; its docstring is the operation's description."""

    def declare(method: Method) -> Method:
        setattr(method, _DECLARED, declared)
        return method

    return declare


def operations_of(pages: type | object) -> Iterator[tuple[Operation, Callable[..., Any]]]:
    """The operations of a class, or of an object with its methods bound, in the order of the file."""
    of = pages if isinstance(pages, type) else type(pages)
    for name, method in vars(of).items():
        declared = getattr(method, _DECLARED, None)
        if isinstance(declared, Operation):
            yield declared, getattr(pages, name)
