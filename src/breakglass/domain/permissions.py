# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may see of incidents and do about them. Pure: who they are comes fresh from Vault with each question.

| who | reads | says to an incident | hold, lift, revoke |
|---|---|---|---|
| operator | everything | everything | yes |
| auditor | everything | nothing | no |
| who asked for it | their own | cancel | no |
| who may approve it | that one | acknowledge | no |
| who was called for it | that one, until it is closed | acknowledge, unless they asked for it | no |
| who may judge an override | that one | nothing | no |

Who is several of these may do what any of them may. What a terminal has shown is not for those who approve or are called. The yes and no of approvals are not here: voting.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.calls import may_hear
from breakglass.domain.incident import State
from breakglass.domain.orders import Word
from breakglass.domain.whose import has_asked

if TYPE_CHECKING:
    from collections.abc import Collection

    from breakglass.domain.incident import Incident
    from breakglass.domain.people import People
    from breakglass.domain.requests import Person


def operates(person: Person, people: People) -> bool:
    """Whether they are an operator."""
    return not people.operators.isdisjoint(person.groups)


def reads_everything(person: Person, people: People) -> bool:
    """Whether they are an operator or an auditor."""
    return not people.groups.isdisjoint(person.groups)


def may_decide(person: Person, incident: Incident) -> bool:
    """Whether they are in one of the groups whose yes it needs, so that the question is theirs too."""
    quorum = incident.course.quorum
    return quorum is not None and not quorum.groups.isdisjoint(person.groups)


def may_acknowledge(person: Person, incident: Incident, groups: Collection[str]) -> bool:
    """Whether they may end the calling: who decides, or who was called; never who asked for it, since the call is about them.

    `groups` are all whose members act by the policy.
    """
    return not has_asked(person, incident) and (may_decide(person, incident) or may_hear(incident, person, groups))


def may_see(person: Person, people: People, groups: Collection[str], incident: Incident) -> bool:
    """Whether they may read it; `groups` are all whose members act by the policy."""
    called = incident.state is not State.CLOSED and may_hear(incident, person, groups)
    concerns = has_asked(person, incident) or may_decide(person, incident) or called
    return reads_everything(person, people) or concerns or _judges(person, incident)


def no_recording(person: Person, people: People, incident: Incident) -> str:
    """Why they may not see what the terminals of an incident that they see have shown; empty if they may. Nothing in that is masked."""
    if reads_everything(person, people) or has_asked(person, incident) or _judges(person, incident):
        return ""
    return _refused(person, "see what a terminal has shown to others", people.groups, "operators and auditors")


def no_word(person: Person, people: People, groups: Collection[str], incident: Incident, word: Word) -> str:
    """Why they may not say this to an incident that they see; empty if they may. `groups` as in `may_see`."""
    if operates(person, people):
        return ""
    if word is Word.CANCEL and has_asked(person, incident):
        return ""
    if word is Word.ACKNOWLEDGE and may_acknowledge(person, incident, groups):
        return ""
    return no_button(person, people)


def no_button(person: Person, people: People) -> str:
    """Why they may not hold, lift or revoke; empty if they may."""
    return "" if operates(person, people) else _refused(person, "do this", people.operators, "operators")


def no_overview(person: Person, people: People) -> str:
    """Why they may not read what is about everybody, such as the holds; empty if they may."""
    if reads_everything(person, people):
        return ""
    return _refused(person, "read this", people.groups, "operators and auditors")


def _judges(person: Person, incident: Incident) -> bool:
    overridden = incident.course.overridden
    return overridden is not None and not overridden.skipped.groups.isdisjoint(person.groups)


def _refused(person: Person, what: str, groups: frozenset[str], role: str) -> str:
    if not groups:
        return f"The policy names no {role} (people:), so nobody may {what} here. On the runner's machine it is done with --settings."
    return f"{person.name} is in none of the groups that may {what} (the policy's {role}: {', '.join(sorted(groups))})."
