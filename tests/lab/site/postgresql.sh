#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# PostgreSQL for the lab's runner, in a network that only root can join. It has a database and a user of the name breakglass.
set -eu
PATH="$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1):$PATH"
data=DIRECTORY/postgresql/data
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
chown postgres: DIRECTORY/postgresql
if [ ! -d "$data" ]; then
    as_postgres initdb --no-sync --auth=reject --encoding=UTF8 --locale=C --pgdata="$data.new"
    echo 'host breakglass breakglass 127.0.0.1/32 trust' > "$data.new/pg_hba.conf"
    printf '%s\n' 'CREATE ROLE breakglass LOGIN;' 'CREATE DATABASE breakglass OWNER breakglass;' |
        as_postgres postgres --single -D "$data.new" postgres
    mv "$data.new" "$data"
fi
rm -f "$data/postmaster.pid"   # of one that was killed: the lab runs one at most
exec setpriv --reuid postgres --regid postgres --clear-groups postgres -D "$data" -p 5432 \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off
