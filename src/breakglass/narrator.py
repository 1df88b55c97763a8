# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling an incident or a run as lines that a person reads: what happened, in the order in which it happened. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.telling import Body, clock, recap, short, told_of
from breakglass.timeline import Event, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

BOOKKEEPING = frozenset({"assert", "include_role", "include_tasks", "set_fact", "validate_argument_spec"})
OWN = "breakglass.remediation."
CREDENTIAL_MODULES = frozenset({"ssh_certificate", "database_credential", "pki_certificate", "secret_file"})
"""What they obtained has a record of its own."""
OVER_FOR_RUNNER = frozenset({"play.ended", "incident.closed"})
OVER = OVER_FOR_RUNNER | {"run.ended", "run.stopped", "run.died"}
"""Kinds after which no result can come any more."""
OF_THE_RUNNER = frozenset({"play.intent", "grant.intent"})
"""Intents that the end of a run does not answer: the runner has its own word on them."""
UNKNOWN = "OUTCOME UNKNOWN"


@dataclass
class Intent:
    """Something that was begun.

    Attributes:
        event: Its record.
        over: Whether what it belongs to has ended since.
    """

    event: Event
    over: bool = False


@dataclass
class Narrator:
    """Turns the events of one incident or run into lines; remembers what was begun until its result comes."""

    _tasks: dict[str, str] = field(default_factory=dict)
    _quiet: set[str] = field(default_factory=set)
    _hosts: set[str] = field(default_factory=set)
    _asked: dict[str, str] = field(default_factory=dict)
    _open: dict[tuple[str, str, str], Intent] = field(default_factory=dict)
    _under_runner: bool = False

    def tell(self, event: Event) -> Line | None:
        """The line for an event; None for one that people need not see."""
        self._remember(event)
        if event.kind == "task.result":
            return self._result(event)
        if event.kind == "run.ended":
            told = None if self._under_runner else ("ended", recap(event.body.get("hosts")) or "no host was reached")
        else:
            told = told_of(event.kind, self._completed(event))
        return Line(event.at, *map(printable, told)) if told else None

    def tell_all(self, event: Event) -> Line:
        """The line for an event; its kind and fields when there is nothing better to say."""
        line = self.tell(event)
        if line is not None:
            return line
        said = json.dumps(dict(event.body), ensure_ascii=False, sort_keys=True)
        return Line(event.at, "·", printable(f"{event.kind} {said}"))

    def unfinished(self) -> list[tuple[Event, Line]]:
        """What was begun and has no result, each with its line; where nothing can follow its outcome is unknown."""
        return [self._told_intent(intent) for intent in self._open.values()]

    def lost(self) -> list[tuple[Event, Line]]:
        """What has no result although nothing can follow; each is told only once."""
        lost = [self._told_intent(intent) for intent in self._open.values() if intent.over]
        self._open = {key: intent for key, intent in self._open.items() if not intent.over}
        return lost

    def _remember(self, event: Event) -> None:
        body, task = event.body, plain(event.body.get("task"))
        match event.kind:
            case "task.started" | "handler.started":
                self._learn(task, body)
            case "task.intent":
                self._learn(task, body)
                self._hosts.add(plain(body.get("host")))
                self._begin(event, task, plain(body.get("host")))
            case "task.result":
                self._open.pop((event.stream, task, plain(body.get("host"))), None)
            case "credential.asked":
                self._asked[plain(body.get("credential"))] = plain(body.get("what"))
                self._begin(event, "credential", plain(body.get("credential")))
            case "credential.obtained" | "credential.refused":
                self._open.pop((event.stream, "credential", plain(body.get("credential"))), None)
            case "grant.intent" | "play.intent":
                self._begin(event, event.kind.partition(".")[0], "")
            case "grant.minted" | "grant.not_minted" | "grant.left_to_job":
                self._open.pop((event.stream, "grant", ""), None)
            case "play.ended":
                self._open.pop((event.stream, "play", ""), None)
            case "run.started":
                self._under_runner = self._under_runner or body.get("door") == "runner"
        if event.kind in OVER:
            for intent in self._open.values():
                intent.over = intent.over or event.kind in OVER_FOR_RUNNER or intent.event.kind not in OF_THE_RUNNER

    def _begin(self, event: Event, what: str, which: str) -> None:
        self._open[(event.stream, what, which)] = Intent(event)

    def _completed(self, event: Event) -> Body:
        """The fields of an event; what a credential is was said when it was asked for, and its refusal names only its id."""
        body = dict(event.body)
        if event.kind == "credential.refused" and (what := self._asked.get(plain(body.get("credential")))):
            body["why"] = f"{what}: {plain(body.get('why'))}"
        return body

    def _learn(self, task: str, body: Mapping[str, object]) -> None:
        self._tasks[task] = plain(body.get("name")).removeprefix(OWN)
        action = plain(body.get("action"))
        ours = action.startswith(OWN) and action.removeprefix(OWN) in CREDENTIAL_MODULES
        if action.removeprefix("ansible.builtin.") in BOOKKEEPING or ours:
            self._quiet.add(task)

    def _result(self, event: Event) -> Line | None:
        body, status = event.body, plain(event.body.get("status"))
        task = plain(body.get("task"))
        if status == "skipped" or (status == "ok" and task in self._quiet):
            return None
        if body.get("accessor"):
            text = f"opened, dies by itself at {clock(body.get('expires_at'))}   accessor {short(body['accessor'])}"
            return Line(event.at, "grant", printable(text))
        previews = body.get("preview") is True
        changed, name = ("would change", "preview") if previews else ("changed", "remediate")
        word = changed if status == "ok" and body.get("changed") else status.upper() if status != "ok" else "ok"
        why = plain(body.get("advice")) or plain(body.get("msg"))
        why = f": {why}" if status in ("failed", "unreachable") else ""
        return Line(event.at, name, printable(f"{self._leader(task, plain(body.get('host')))} {word}{why}"))

    def _leader(self, task: str, host: str) -> str:
        """The task's name and dots up to where results stand; with its host as soon as there are several."""
        name = self._tasks.get(task) or "a task"
        if len(self._hosts) > 1:
            name = f"{name} on {host}"
        return f"{name} {'.' * max(2, 56 - len(name))}"

    def _told_intent(self, intent: Intent) -> tuple[Event, Line]:
        said = self._begun(intent.event, UNKNOWN if intent.over else "no result yet")
        return intent.event, Line(intent.event.at, *map(printable, said))

    def _begun(self, event: Event, word: str) -> tuple[str, str]:
        body = event.body
        match event.kind:
            case "credential.asked":
                until = clock(body.get("latest_end"))
                return (
                    "credential",
                    f"{plain(body.get('what'))}: {word}; if it was made, it lives until {until} at most",
                )
            case "grant.intent":
                return "grant", f"for {plain(body.get('access'))}: {word}"
            case "play.intent":
                return "play", f"attempt {plain(body.get('attempt'))}: {word}"
        name = "preview" if body.get("preview") is True else "remediate"
        return name, f"{self._leader(plain(body.get('task')), plain(body.get('host')))} {word}"


def told(
    events: Iterable[Event], narrator: Narrator, tell: Callable[[Event], Line | None] | None = None
) -> list[tuple[Event, Line]]:
    """All lines of an incident or run that is not being followed, each with its event, by time.

    What has no result stands where it was begun. `tell` is the narrator's way of telling, `Narrator.tell` if not given.
    """
    tell = tell or narrator.tell
    lines = [(event, line) for event in events if (line := tell(event))]
    return sorted([*lines, *narrator.unfinished()], key=lambda pair: pair[1].at)
