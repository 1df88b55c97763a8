# SPDX-License-Identifier: GPL-3.0-or-later
"""From values to a page: every value is escaped where it is put in, and the browser is told to run nothing at all."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

_PLACE: Final = Path(__file__).with_name("templates")
_STYLE: Final = (_PLACE / "page.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of everything that we answer: one stylesheet, forms that lead here, and nobody's frame."""


_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_PLACE), autoescape=True, undefined=StrictUndefined, auto_reload=False, trim_blocks=True
)
_TEMPLATES.globals["style"] = Markup(_STYLE)  # noqa: S704 (a file of ours)


@dataclass(frozen=True)
class Rendering:
    """Makes pages.

    Attributes:
        base: The path that the runner's address has behind its host; empty for none.
    """

    base: str

    def page(self, name: str, values: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Response:
        """One page of a template."""
        return HTMLResponse(self.text(name, values), status_code=status)

    def message(self, title: str, sentence: str, status: HTTPStatus) -> Response:
        """A page that says one thing."""
        return self.page("message.html", {"title": title, "sentence": sentence}, status)

    def text(self, name: str, values: Mapping[str, object]) -> str:
        """Its HTML."""
        return _TEMPLATES.get_template(name).render({"base": self.base, "visitor": None, **values})
