# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of the policy and the settings: how a text becomes a duration, a count, a name; with sentences."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_DURATION = re.compile(r"(0|[1-9][0-9]{0,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHARE = re.compile(r"([0-9]{1,3})%", re.ASCII)
_WHOLE = 100
_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_LOGIN = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_WEB_ADDRESS = re.compile(r"https?://[!-~]{1,500}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)


class UnreadableDuration(BreakglassError):
    """Raised when a text is no duration."""


class Strict(BaseModel):
    """A mapping in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def sentence(text: str) -> PydanticCustomError:
    """Make the error whose text is shown to people as it is."""
    return PydanticCustomError("sentence", "{text}", {"text": text})


def is_group(word: str) -> bool:
    """Tell whether the policy can name an inventory group so."""
    return _GROUP.fullmatch(word) is not None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give ` Did you mean "x"?`, or the list of what is known."""
    choices = sorted(known)
    if near := difflib.get_close_matches(word, choices, n=1):
        return f' Did you mean "{near[0]}"?'
    return f" Known here: {', '.join(choices)}." if choices else ""


def choice(known: Collection[str], unbuilt: Collection[str] = ()) -> Callable[[object], object]:
    """Make the validator of a word that is one of a few; those of `unbuilt` are planned but refused."""

    def check(value: object) -> object:
        if value in known:
            return value
        if value in unbuilt:
            raise sentence(f'"{value}" is not supported yet. Supported: {", ".join(known)}.')
        if not isinstance(value, str):
            raise sentence(f"Write one of: {', '.join(known)}.")
        raise sentence(f"{value[:80]!r} is not known.{did_you_mean(value, known)}")

    return check


def _duration(value: object) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise sentence("Write a duration as a whole number and one unit: 90s, 10m, 2h or 400d.")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def seconds_of(text: str) -> int:
    """Seconds of a duration as people write it. Raises UnreadableDuration."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise UnreadableDuration(
            f"{text[:40]!r}: write a duration as a whole number and one unit: 90s, 10m, 2h or 400d."
        )
    return int(found[1]) * _SECONDS[found[2]]


def _positive_duration(value: object) -> timedelta:
    if not (duration := _duration(value)):
        raise sentence("This duration must be longer than 0.")
    return duration


def _count(value: object) -> int:
    if not (isinstance(value, str) and _COUNT.fullmatch(value)):
        raise sentence("Write a whole number, at least 1.")
    return int(value)


def _share(value: object) -> int:
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if not found or not 1 <= int(found[1]) <= _WHOLE:
        raise sentence("Write a share of 1% to 100%, such as 25%.")
    return int(found[1])


def _flag(value: object) -> bool:
    if value not in ("true", "false"):
        raise sentence("Write true or false.")
    return value == "true"


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise sentence(f"Write {what}.")
        if not pattern.fullmatch(value):
            raise sentence(f"{value[:80]!r} is not {what}.")
        return value

    return check


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise sentence("Write a text.")
    return value


def _unbuilt(value: object) -> None:
    if value:
        raise sentence("This is not supported yet. Leave it out.")


def _empty_mapping(value: object) -> object:
    return {} if value is None else value


def _empty_list(value: object) -> object:
    return [] if value is None else value


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^(0|[1-9][0-9]{0,6})[smhd]$"})
_COUNT_SCHEMA = WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 999_999_999})
_UNBUILT_SCHEMA = WithJsonSchema(
    {"type": ["null", "array", "object"], "maxItems": 0, "maxProperties": 0, "description": "Not supported yet."}
)
_LOGIN_CHECK = BeforeValidator(_matching(_LOGIN, "a login name: a-z, 0-9, _ and -, at most 32"))
_GROUP_CHECK = BeforeValidator(_matching(_GROUP, "the name of an inventory group"))
_WEB_ADDRESS_CHECK = BeforeValidator(_matching(_WEB_ADDRESS, "a web address: https:// and no blanks, at most 500"))
_NAME_CHECK = BeforeValidator(_matching(_NAME, "a name of letters, digits, _ and -, at most 64"))

Duration = Annotated[timedelta, BeforeValidator(_positive_duration), _DURATION_SCHEMA]
MaybeDuration = Annotated[timedelta | None, BeforeValidator(_positive_duration), _DURATION_SCHEMA]
MaybeWait = Annotated[timedelta | None, BeforeValidator(_duration), _DURATION_SCHEMA]
Count = Annotated[int, BeforeValidator(_count), _COUNT_SCHEMA]
MaybeShare = Annotated[
    int | None, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": "^([1-9][0-9]?|100)%$"})
]
MaybeCount = Annotated[int | None, BeforeValidator(_count), _COUNT_SCHEMA]
Flag = Annotated[bool, BeforeValidator(_flag)]
Name = Annotated[str, _NAME_CHECK, WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]
MaybeName = Annotated[str | None, _NAME_CHECK, WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]
Login = Annotated[str, _LOGIN_CHECK, WithJsonSchema({"type": "string", "pattern": f"^{_LOGIN.pattern}$"})]
Group = Annotated[str, _GROUP_CHECK, WithJsonSchema({"type": "string", "pattern": f"^{_GROUP.pattern}$"})]
Words = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
MaybeWords = Annotated[str | None, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
MaybeWebAddress = Annotated[
    str | None, _WEB_ADDRESS_CHECK, WithJsonSchema({"type": "string", "pattern": f"^{_WEB_ADDRESS.pattern}$"})
]
Unbuilt = Annotated[None, BeforeValidator(_unbuilt), _UNBUILT_SCHEMA]
MaybeEmptyMapping = BeforeValidator(_empty_mapping)
MaybeEmptyList = BeforeValidator(_empty_list)
