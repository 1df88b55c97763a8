# SPDX-License-Identifier: GPL-3.0-or-later
"""What psql is given to see the sessions of a PostgreSQL and to end some of them: constant text, values only by psql's own quoting.

Variables: `wish` is JSON with the limits in seconds (`idle_in_transaction`, `query`, `idle`) and `protected`, names of roles;
`chosen` is JSON, a list of sessions by `pid` and `started`; `grace` is seconds; `must_go` is true or false. Needs PostgreSQL 14.
"""

from __future__ import annotations

# A session of a superuser, of replication, of who makes roles (Vault's administrator), or of who may itself end sessions
# (as we do) is never one of the candidates.
_SESSIONS = """
WITH wish AS (SELECT :'wish'::json AS said),
client AS (
  SELECT a.pid, a.backend_start AS started, a.query_start, r.rolname AS role, coalesce(a.state, 'unknown') AS state,
    greatest(0, floor(extract(epoch FROM clock_timestamp() -
      CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END)))::bigint AS seconds,
    r.rolsuper OR r.rolreplication OR r.rolcreaterole OR pg_has_role(r.oid, 'pg_signal_backend', 'MEMBER')
      OR r.rolname IN (SELECT json_array_elements_text(said -> 'protected') FROM wish) AS protected
  FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
  WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
),
candidate AS (
  SELECT client.* FROM client, wish WHERE NOT protected AND (
    state IN ('idle in transaction', 'idle in transaction (aborted)')
      AND seconds >= (said ->> 'idle_in_transaction')::bigint
    OR state = 'active' AND seconds >= (said ->> 'query')::bigint
    OR state = 'idle' AND seconds >= (said ->> 'idle')::bigint)
)
"""

LOOK = (
    "SET statement_timeout = '20s';"  # noqa: S608 (constants only)
    + _SESSIONS
    + """
SELECT json_build_object(
  'most', current_setting('max_connections')::int,
  'reserved', current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int,
  'taken', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  'states', (SELECT json_object_agg(state, sessions) FROM
    (SELECT state, count(*) AS sessions FROM client GROUP BY state) AS counted),
  'roles', (SELECT json_object_agg(role, sessions) FROM
    (SELECT role, count(*) AS sessions FROM client GROUP BY role) AS counted),
  'candidates', (SELECT coalesce(json_agg(json_build_object(
    'pid', pid, 'started', started, 'role', role, 'state', state, 'seconds', seconds)), '[]') FROM candidate));
"""
)
"""One line of JSON: how many connections there are, who holds them, and which sessions are over a limit."""

SETTINGS = """
SET statement_timeout = '20s';
SELECT json_build_object(
  'listen_addresses', current_setting('listen_addresses'),
  'rules', (SELECT coalesce(json_agg(line_number), '[]') FROM pg_hba_file_rules WHERE error IS NOT NULL),
  'settings', (SELECT coalesce(json_agg(DISTINCT name), '[]') FROM pg_file_settings
    WHERE error IS NOT NULL AND name IS NOT NULL AND name NOT IN (SELECT name FROM pg_settings WHERE context = 'postmaster')),
  'waiting', (SELECT coalesce(json_agg(DISTINCT name), '[]') FROM pg_settings WHERE pending_restart),
  'full_roles', (SELECT coalesce(json_agg(rolname), '[]') FROM pg_roles r WHERE rolconnlimit >= 0 AND rolconnlimit <=
    (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid)),
  'full_databases', (SELECT coalesce(json_agg(datname), '[]') FROM pg_database d WHERE datconnlimit >= 0 AND datconnlimit <=
    (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid)));
"""
"""One line of JSON: what else may keep clients out. Only a superuser may read the rules and files."""

END = (
    "SET statement_timeout = '300s';"  # noqa: S608 (constants only)
    + _SESSIONS
    + r"""
, picked AS (
  SELECT candidate.* FROM candidate JOIN json_to_recordset(:'chosen') AS x(pid int, started timestamptz) USING (pid, started)),
sent AS (SELECT *, pg_cancel_backend(pid) AS was_sent FROM picked WHERE state = 'active')
SELECT coalesce(json_agg(json_build_object(
    'pid', pid, 'started', started, 'query_start', query_start, 'role', role, 'seconds', seconds)), '[]') AS asked,
  count(*) > 0 AS some FROM sent WHERE was_sent \gset
\if :some
SELECT pg_sleep(:grace) \g /dev/null
\endif
"""
    + _SESSIONS
    + """
, picked AS (
  SELECT candidate.* FROM candidate JOIN json_to_recordset(:'chosen') AS x(pid int, started timestamptz) USING (pid, started)),
asked AS (
  SELECT * FROM json_to_recordset(:'asked') AS x(pid int, started timestamptz, query_start timestamptz, role text, seconds bigint)),
stubborn AS (
  SELECT client.pid, client.started FROM client JOIN asked USING (pid, started) WHERE NOT client.protected
    AND (:must_go OR client.state = 'active' AND client.query_start = asked.query_start)),
ended AS MATERIALIZED (
  SELECT pid, started, role, state, seconds, pg_terminate_backend(pid, 5000) AS gone FROM picked WHERE state <> 'active'
  UNION ALL
  SELECT asked.pid, asked.started, asked.role, 'active', asked.seconds, pg_terminate_backend(asked.pid, 5000)
  FROM asked JOIN stubborn USING (pid, started))
SELECT json_build_object(
  'terminated', (SELECT coalesce(json_agg(json_build_object(
    'pid', pid, 'role', role, 'state', state, 'seconds', seconds, 'gone', gone)), '[]') FROM ended),
  'cancelled', (SELECT coalesce(json_agg(json_build_object(
    'pid', pid, 'role', role, 'state', 'active', 'seconds', seconds, 'gone', true)), '[]') FROM asked
    WHERE (pid, started) NOT IN (SELECT pid, started FROM stubborn)));
"""
)
"""One line of JSON: what became of the chosen sessions that were still over their limit.

A query is cancelled first; its session is terminated when that did not help, or when its connection is needed. A session that
is idle has nothing to cancel.
"""
