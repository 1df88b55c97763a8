# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from breakglass.secret_files import UnreadableSecret, read_secret_file
from breakglass.settings import Settings, SettingsErrors, load_settings
from breakglass.settings_addresses import Address

MINIMAL = """\
listen: 127.0.0.1:0
policy: policy
inventory: ../inventory
database_url: sqlite:///state/breakglass.db
journal: {directory: /var/lib/journal}
vault:
  url: http://127.0.0.1:8200
  auth_method: approle
  role_id_file: secrets/role_id
  secret_id_file: secrets/secret_id
sources:
  alertmanager: {kind: alertmanager, bearer_token_files: [secrets/am, secrets/am.next]}
channels:
  platform-chat: {url_file: secrets/chat}
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "settings.yml").write_text(text, encoding="utf-8")
    return load_settings(tmp_path / "settings.yml")


def test_relative_paths_start_at_the_settings_file(tmp_path: Path) -> None:
    """Every path is absolute after loading, counted from the settings file's directory."""
    settings = loaded(tmp_path, MINIMAL)
    assert settings.listen == Address("127.0.0.1", 0)
    assert settings.policy == tmp_path / "policy"
    assert settings.inventory == tmp_path.parent / "inventory"
    assert settings.database_url == f"sqlite:///{tmp_path}/state/breakglass.db"
    assert settings.journal.directory == Path("/var/lib/journal")
    assert settings.vault.secret_id_file == tmp_path / "secrets" / "secret_id"
    assert settings.sources["alertmanager"].bearer_token_files[1] == tmp_path / "secrets" / "am.next"
    assert settings.channels["platform-chat"].url_file == tmp_path / "secrets" / "chat"
    assert (settings.maximum_body, settings.concurrent_plays, settings.run_directory) == (4 * 1024 * 1024, 4, None)


def test_several_runners_share_a_postgresql(tmp_path: Path) -> None:
    """A runner of several has a name, and its database's password in a file; far away it proves itself by TLS."""
    for url in (
        "postgresql://u@127.0.0.1:5432/d",
        "postgresql://u@db.example.com/d?sslmode=verify-full&sslrootcert=/ca",
    ):
        text = MINIMAL.replace("sqlite:///state/breakglass.db", url)
        settings = loaded(tmp_path, text + "name: a\ndatabase_password_file: secrets/db\n")
        assert settings.database == (url, "a", tmp_path / "secrets" / "db")
    assert loaded(tmp_path, MINIMAL).database.runner == ""


def test_options_can_be_set(tmp_path: Path) -> None:
    """What has a default can be written."""
    text = MINIMAL.replace("127.0.0.1:0", "'[::]:8443'").replace(
        "  url:", "  namespace: team\n  ca_cert: ca.pem\n  url:"
    )
    text += "tls: {certificate: a.crt, key: a.key}\npublic_url: https://b.example.com/\nmaximum_body: 1000\n"
    settings = loaded(tmp_path, text + "concurrent_plays: 9\nrun_directory: /run/breakglass\n")
    assert settings.listen == Address("::", 8443)
    assert settings.public_url == "https://b.example.com"
    assert settings.vault.ca_cert == tmp_path / "ca.pem"
    assert (settings.maximum_body, settings.concurrent_plays) == (1000, 9)


def test_a_digest_can_be_set(tmp_path: Path) -> None:
    """It has a channel and a time of day; without them there is none."""
    assert loaded(tmp_path, MINIMAL).digest is None
    digest = loaded(
        tmp_path, MINIMAL + "digest: {to: platform-chat, every: monday, at: '08:30', timezone: Europe/Berlin}\n"
    ).digest
    assert digest is not None
    assert (digest.to, str(digest.schedule)) == ("platform-chat", "every monday at 08:30 Europe/Berlin")


def test_a_proxy_that_speaks_tls_may_stand_in_front(tmp_path: Path) -> None:
    """Clear text on an outside address needs a line that says who encrypts."""
    text = MINIMAL.replace("127.0.0.1:0", "0.0.0.0:80")
    with pytest.raises(SettingsErrors, match="behind_tls_proxy: true"):
        loaded(tmp_path, text)
    assert loaded(tmp_path, text + "behind_tls_proxy: true\n").behind_tls_proxy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("listen: 127.0.0.1:0", "listen: 8443", "settings.yml:1: listen: Write host:port"),
        ("listen: 127.0.0.1:0", "listen: 127.0.0.1:99999", "settings.yml:1: listen: Write host:port"),
        ("listen: 127.0.0.1:0", "listn: 127.0.0.1:0", "settings.yml:1: 'listn' is not known. Did you mean \"listen\"?"),
        ("policy: policy", "policy:", "settings.yml:2: policy: Write the path"),
        (
            "sqlite:///state/breakglass.db",
            "postgresql://db/x",
            "settings.yml:4: database_url: Write postgresql://USER@HOST:PORT/DATABASE",
        ),
        ("sqlite:///state/breakglass.db", "postgresql://u@h:x/d", "database_url: Write postgresql://USER@"),
        ("sqlite:///state/breakglass.db", "postgresql://u@h/d", "database_url: Its password and all that is decided"),
        (
            "sqlite:///state/breakglass.db",
            "postgresql://u@h/d?sslmode=require",
            "database_url: Its password and all that is decided",
        ),
        ("sqlite:///state/breakglass.db", "postgresql://u:p@localhost/d", "name a file with it"),
        ("sqlite:///state/breakglass.db", "postgresql://u@localhost/d?password=p", "name a file with it"),
        ("sqlite:///state/breakglass.db", "postgresql://u@localhost/d", "give this one a name of its own"),
        ("channels:", "name: Runner_A\nchannels:", "settings.yml:13: name: A runner is named with a-z, 0-9 and dash"),
        ("sqlite:///state/breakglass.db", "'sqlite:///:memory:'", "database_url: Write sqlite:///FILE"),
        ("sqlite:///state/breakglass.db", "mysql://x", "database_url: Write sqlite:///FILE"),
        ("/var/lib/journal}", "/var/lib/journal, keep: 400d}", "journal: keep and archive belong together"),
        ("/var/lib/journal}", "/var/lib/journal, archive: /old}", "journal: keep and archive belong together"),
        ("/var/lib/journal}", "/var/lib/journal, keep: 1h, archive: /old}", "journal: keep must be at least 1d"),
        ("/var/lib/journal}", "/var/lib/journal, keep: 9d, archive: /var/lib}", "must not lie in each other."),
        (
            "/var/lib/journal}",
            "/var/lib/journal, keep: 9d, archive: /var/lib/journal/old}",
            "must not lie in each other.",
        ),
        (
            "/var/lib/journal}",
            "/var/lib/journal, mode: strickt}",
            "journal.mode: 'strickt' is not known. Did you mean \"strict\"?",
        ),
        (
            "/var/lib/journal}",
            "/var/lib/journal, mode: best_effort}",
            "journal.mode: A runner works while nobody watches",
        ),
        ("/var/lib/journal}", "/var/lib/journal, mode: remote_strict}", "needs a sink on another machine"),
        (
            "/var/lib/journal}",
            "/var/lib/journal, mode: remote_strict, sinks: {a: {kind: file, path: /var/log/a}}}",
            "needs a sink on another machine",
        ),
        ("auth_method: approle", "auth_method: jwt", '"jwt" is not supported yet.'),
        ("auth_method: approle", "auth_method: aprole", 'Did you mean "approle"?'),
        (
            "http://127.0.0.1:8200",
            "http://vault.example.com:8200",
            "settings.yml:7: vault.url: Tokens would travel in clear",
        ),
        ("http://127.0.0.1:8200", "https://u:hunter2@vault", "vault.url: A user name or password does not belong"),
        ("http://127.0.0.1:8200", "https://vault:x", "vault.url: Write an address"),
        ("kind: alertmanager", "kind: grafanna", 'Did you mean "grafana"?'),
        ("kind: alertmanager", "kind: json", "needs fields: where labels and starts_at are"),
        (
            "bearer_token_files: [secrets/am, secrets/am.next]",
            "client_certificates: [am]",
            "nobody verifies them: set tls.client_ca",
        ),
        ("kind: alertmanager, ", "", "sources.alertmanager.kind: this key is missing."),
        ("[secrets/am, secrets/am.next]", "[]", "Say how the sender proves itself"),
        (
            "channels:",
            "people: {identity_role: x}\nsinks: {a: b}\nchannels:",
            "sinks: This",
        ),
        ("channels:", "digest: {to: chat, at: '08:30'}\nchannels:", "digest.to: chat is not one of the channels."),
        ("channels:", "digest: {to: platform-chat}\nchannels:", "settings.yml:13: digest.at: this key is missing."),
        (
            "channels:",
            "digest: {to: platform-chat, at: 8:30}\nchannels:",
            'digest.at: Write a time of day in quotes, as "09:30".',
        ),
        (
            "channels:",
            "digest: {to: platform-chat, at: '08:30', every: night}\nchannels:",
            "digest.every: 'night' is not known.",
        ),
        (
            "channels:",
            "digest: {to: platform-chat, at: '08:30', timezone: Berlin}\nchannels:",
            "is not a time zone that",
        ),
        ("channels:", "heartbeat: {every: 1m}\nchannels:", "heartbeat.url_file: this key is missing."),
        ("channels:", "heartbeat: {url_file: secrets/beat, every: 9s}\nchannels:", "every must be at least 10s."),
        ("channels:", "maximum_body: 4MiB\nchannels:", "settings.yml:13: maximum_body: Write a whole number"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Each fault of the settings gives a sentence with file and line, and never a password."""
    assert old in MINIMAL
    with pytest.raises(SettingsErrors) as caught:
        loaded(tmp_path, MINIMAL.replace(old, new))
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_faults_are_found_at_once(tmp_path: Path) -> None:
    """Everything that is planned but not built is named in one go."""
    text = MINIMAL + "people: {identity_role: x}\nsinks: {a: b}\n"
    with pytest.raises(SettingsErrors) as caught:
        loaded(tmp_path, text)
    assert [problem.line for problem in caught.value.problems] == [15, 16]


def test_secret_files(tmp_path: Path) -> None:
    """A secret is read without its line end, from a regular file that only its owner can touch."""
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert read_secret_file(path) == "s3cret"
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(UnreadableSecret, match=f"chmod 600 {path}") as caught:
            read_secret_file(path)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "larger")]
)
def test_secret_files_without_a_secret(tmp_path: Path, content: bytes, said: str) -> None:
    """An empty, binary or huge file is no secret."""
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UnreadableSecret, match=said):
        read_secret_file(path)


def test_secret_files_that_are_none(tmp_path: Path) -> None:
    """A missing file and a directory are refused with a sentence."""
    with pytest.raises(UnreadableSecret, match="No such file"):
        read_secret_file(tmp_path / "none")
    with pytest.raises(UnreadableSecret, match="not a regular file"):
        read_secret_file(tmp_path)


def test_where_the_local_socket_lies(tmp_path: Path) -> None:
    """As written; else beside the database file, or beside the journal where the database is on a server."""
    assert loaded(tmp_path, MINIMAL).socket_path == tmp_path / "state" / "control" / "runner"
    written = loaded(tmp_path, f"{MINIMAL}socket: {{group: oncall, path: run/socket}}\n")
    assert (written.socket_path, written.socket.group) == (tmp_path / "run" / "socket", "oncall")
    server = MINIMAL.replace("sqlite:///state/breakglass.db", "postgresql://u@127.0.0.1/d")
    assert loaded(tmp_path, f"{server}name: a\n").socket_path == Path("/var/lib/control/runner")
    with pytest.raises(SettingsErrors, match="Name a group of this machine"):
        loaded(tmp_path, f"{MINIMAL}socket: {{group: 'on call'}}\n")


def test_how_long_the_database_remembers(tmp_path: Path) -> None:
    """400 days without a word about it, and never less than a month."""
    assert loaded(tmp_path, MINIMAL).keep_incidents.days == 400
    assert loaded(tmp_path, f"{MINIMAL}keep_incidents: 30d\n").keep_incidents.days == 30
    with pytest.raises(SettingsErrors, match="keep_incidents must be at least 30d"):
        loaded(tmp_path, f"{MINIMAL}keep_incidents: 29d\n")
