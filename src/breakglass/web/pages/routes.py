# SPDX-License-Identifier: GPL-3.0-or-later
"""Which page is where."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from breakglass.settings import SIGNED_IN_PATH
from breakglass.sign_in_records import SignInRecords
from breakglass.signing_in import SignIn
from breakglass.store.browser_sessions import BrowserSessions
from breakglass.web.pages.questions import QuestionPages
from breakglass.web.pages.rendering import Rendering
from breakglass.web.pages.sign_in import SignInPages
from breakglass.web.pages.visitors import Visitors, origin_of

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from breakglass.runner import Runner


def add_pages(app: Starlette, runner: Runner) -> None:
    """Add the pages of a runner to its application."""
    settings = runner.settings
    public_url = settings.public_url or ""
    rendering = Rendering(urlsplit(public_url).path)
    visitors = Visitors(runner.identity, BrowserSessions(runner.database), origin_of(public_url) if public_url else "")
    vault_url = settings.people.vault_url or settings.vault.url
    ways = SignInPages(
        rendering, visitors, SignIn(runner.identity, vault_url, settings.signed_in_url), SignInRecords(runner.queue)
    )
    app.add_route("/sign-in", ways.begin, methods=["GET"])
    app.add_route(SIGNED_IN_PATH, ways.signed_in, methods=["GET"])
    app.add_route("/sign-out", ways.sign_out, methods=["POST"])
    questions = QuestionPages(rendering, visitors, runner.approvals)
    app.add_route("/approvals", questions.inbox, methods=["GET"])
    app.add_route("/approvals/{incident}", questions.question, methods=["GET"])
    app.add_route("/approvals/{incident}", questions.answer, methods=["POST"])
    app.add_route("/approvals/{incident}/acknowledge", questions.acknowledge, methods=["POST"])
