# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass settings check`: file, line and a sentence, and a look at the files of secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Call
    from tests.support.site import Site


def test_good_settings(call: Call, site: Site) -> None:
    """Good settings exit 0 and show no secret."""
    checked = call("settings", "check", site.place.settings)

    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("OK  1 source")
    assert site.token not in checked.stdout


def test_bad_settings(call: Call, site: Site, tmp_path: Path) -> None:
    """A typo and a value that can't be are told with file and line, both at once."""
    settings = tmp_path / "settings.yml"
    text = site.place.settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("channels:", "chanels:").replace("listen: 127.0.0.1:0", "listen: here"))
    checked = call("settings", "check", settings)

    assert checked.returncode == 1
    assert f"{settings}:1: " in checked.stderr
    assert "Write host:port" in checked.stderr
    assert 'Did you mean "channels"?' in checked.stderr
    told = json.loads(call("settings", "check", settings, "--json").stdout)["problems"]
    assert "\n".join(told) == checked.stderr.removeprefix("breakglass: ").strip()


def test_secret_that_others_may_read(call: Call, site: Site, tmp_path: Path) -> None:
    """A secret's file that others may read is named with the command that closes it, and its content is not shown."""
    opened = tmp_path / "token"
    opened.write_text(site.token)
    opened.chmod(0o644)
    settings = tmp_path / "settings.yml"
    text = site.place.settings.read_text(encoding="utf-8")
    settings.write_text(text.replace(str(site.place.secret("alertmanager")), str(opened)))
    checked = call("settings", "check", settings)

    assert checked.returncode == 1
    assert f"chmod 600 {opened}" in checked.stderr
    assert site.token not in checked.stderr


def test_address_of_a_heartbeat(call: Call, site: Site, tmp_path: Path) -> None:
    """A file that holds no address for a heartbeat is named, and its content is not shown; a good one is accepted unseen."""
    address = tmp_path / "heartbeat"
    address.touch(mode=0o600)
    settings = tmp_path / "settings.yml"
    text = site.place.settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}heartbeat: {{url_file: {address}, every: 30s}}\n")

    address.write_text("http://hc.example.com/5d0c-cafe-beat")
    refused = call("settings", "check", settings)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"breakglass: {address} does not hold one address of a heartbeat: https://")
    assert "5d0c" not in refused.stderr + refused.stdout

    address.write_text("https://hc.example.com/5d0c-cafe-beat")
    assert call("settings", "check", settings).returncode == 0


def test_schema_is_json(call: Call) -> None:
    """`settings schema` prints the JSON Schema that editors take."""
    shown = call("settings", "schema")

    assert shown.returncode == 0
    assert json.loads(shown.stdout)["title"] == "breakglass settings"
