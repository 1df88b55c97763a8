# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables, as the newest migration leaves them. Moments are milliseconds since 1970 by the database's clock."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

INCIDENT = sa.Table(
    "incident",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("wake_at", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lease_until", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("home", sa.Text),
    sa.Column("extends", sa.Text),
)
_OPEN = INCIDENT.c.state != "closed"
# One open incident for a key; a second alert reaches it instead of opening another.
sa.Index("one_open", INCIDENT.c.key, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
sa.Index("opened_by", INCIDENT.c.trigger, INCIDENT.c.opened_at)
sa.Index("by_opening", INCIDENT.c.opened_at, INCIDENT.c.id)
_CLOSED = INCIDENT.c.state == "closed"
sa.Index("long_closed", INCIDENT.c.closed_at, sqlite_where=_CLOSED, postgresql_where=_CLOSED)
sa.Index(
    "extended",
    INCIDENT.c.extends,
    sqlite_where=INCIDENT.c.extends.is_not(None),
    postgresql_where=INCIDENT.c.extends.is_not(None),
)
sa.Index("due", INCIDENT.c.wake_at, sqlite_where=_OPEN, postgresql_where=_OPEN)
# What the engine looks for at every turn, among however many that wait for people.
sa.Index("of_state", INCIDENT.c.state, sqlite_where=_OPEN, postgresql_where=_OPEN)
_LEASED = INCIDENT.c.lease_until > 0
sa.Index("leased", INCIDENT.c.lease_until, sqlite_where=_LEASED, postgresql_where=_LEASED)

INBOX = sa.Table(
    "inbox",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), nullable=False),
    sa.Column("fault", sa.Text, nullable=False),
    sa.Column("firing", sa.Boolean, nullable=False),
    sa.Column("dedup", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("heard_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("dedup", "incident"),
    sqlite_autoincrement=True,
)
sa.Index("of_fault", INBOX.c.fault)
_UNDONE = INBOX.c.done == sa.false()
sa.Index("undone", INBOX.c.incident, INBOX.c.seq, sqlite_where=_UNDONE, postgresql_where=_UNDONE)

# What people say to an incident.
ORDER = sa.Table(
    "incident_order",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), nullable=False),
    sa.Column("word", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("vote", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("entity", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("account", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("verdict", sa.Text, nullable=False, server_default=sa.text("''")),
    sqlite_autoincrement=True,
)
sa.Index("orders_of", ORDER.c.incident)

# How often somebody has tried a second factor in vain since the last right one, counted before each try.
FACTOR = sa.Table(
    "factor",
    METADATA,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("tried_at", sa.BigInteger, nullable=False),
)

# Codes that were right, as costly digests: each is good once, whatever Vault has forgotten.
USED_CODE = sa.Table(
    "used_code",
    METADATA,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)

# Browsers in which somebody has signed in. The secret is theirs alone; here is its SHA-256.
BROWSER_SESSION = sa.Table(
    "browser_session",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
)

# Calls of the API that may be sent again: `key` is a digest of what the caller sent, `said` one under that key of all that it asked
# for; `name` is for what it makes. Without a status it is at work, by the runner of `instance`; without content the answer is not kept.
GIVEN_ANSWER = sa.Table(
    "given_answer",
    METADATA,
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("instance", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("media", sa.Text),
    sa.Column("content", sa.Text),
)
sa.Index("given_at", GIVEN_ANSWER.c.entity, GIVEN_ANSWER.c.at)

# Reviews of overrides: due from the moment that one is asked for; `verdict` is empty until somebody has judged it.
# `told`: those who were skipped know; `called`: people were called because it is overdue.
REVIEW = sa.Table(
    "review",
    METADATA,
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), primary_key=True),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("called", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("verdict", sa.Text, nullable=False, server_default=sa.text("''")),
)

# Records on their way into the journal: written with the change of state, taken from here in order.
OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("runner", sa.Text, nullable=False, server_default=sa.text("''")),
    sqlite_autoincrement=True,
)

# Streams that the runner announced; sealed once they or their incident are over.
STREAM = sa.Table(
    "stream",
    METADATA,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text),
    sa.Column("announced_at", sa.BigInteger, nullable=False),
    sa.Column("over_at", sa.BigInteger),
    sa.Column("sealed_at", sa.BigInteger),
    sa.Column("runner", sa.Text, nullable=False, server_default=sa.text("''")),
)

sa.Index("streams_of", STREAM.c.incident)

HOST_CLAIM = sa.Table(
    "host_claim",
    METADATA,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("taken_at", sa.BigInteger, nullable=False),
)

# What was tried where: the memory of cooldown and repairs_per_day.
REPAIR = sa.Table(
    "repair",
    METADATA,
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), primary_key=True),
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Index("repairs_of", REPAIR.c.trigger, REPAIR.c.host, REPAIR.c.at)

# What nothing new may start in; without an incident a person has set it. `told_at` is when people last heard of it.
HOLD = sa.Table(
    "hold",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id")),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("told_at", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Drills that were asked for. The incident does not exist before the runner has begun the drill.
DRILL = sa.Table(
    "drill",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("wanted_at", sa.BigInteger, nullable=False),
    sa.Column("missed", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("check", sa.Boolean, nullable=False),
    sa.Column("begun_at", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("passages", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# Up to when the schedule of a drill was looked at; what was due since, while no runner worked, was missed.
DRILL_SCHEDULE = sa.Table(
    "drill_schedule",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("schedule", sa.Text, nullable=False),
    sa.Column("looked_until", sa.BigInteger, nullable=False),
)

# The sender of each source: when it was last heard, refused, and left alerts out.
SENDER = sa.Table(
    "sender",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("heard_at", sa.BigInteger),
    sa.Column("refused_at", sa.BigInteger),
    sa.Column("refusal", sa.Text, nullable=False),
    sa.Column("unproven_since", sa.BigInteger),
    sa.Column("unproven_at", sa.BigInteger),
    sa.Column("unproven_times", sa.BigInteger, nullable=False),
    sa.Column("rejected_at", sa.BigInteger),
    sa.Column("truncated_at", sa.BigInteger),
    sa.Column("left_out", sa.BigInteger, nullable=False),
)

# The digest: one row. Up to when its schedule was looked at, what is due and was not delivered yet, and up to when people know.
DIGEST = sa.Table(
    "digest",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("schedule", sa.Text, nullable=False),
    sa.Column("looked_until", sa.BigInteger, nullable=False),
    sa.Column("told_until", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("try_at", sa.BigInteger),
)

# The runners that have worked on this database; `instance` is another one after each start.
RUNNER = sa.Table(
    "runner",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("instance", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
)

# Accessors of the runners' own Vault sessions, so that a dead runner's session can be revoked.
VAULT_SESSION = sa.Table(
    "vault_session",
    METADATA,
    sa.Column("accessor", sa.Text, primary_key=True),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("runner", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("instance", sa.Text, nullable=False, server_default=sa.text("''")),
)
