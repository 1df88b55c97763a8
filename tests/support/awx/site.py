# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation whose repairs are jobs of AWX: their login to Vault, their inventory, and what can be seen of them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.support.awx.credential import Credential, CredentialType
from tests.support.awx.job import AwxJob, JobOrder
from tests.support.site import Site

from breakglass.reading import Troubles, records_by_time, stories
from breakglass.report.folding import case_of
from breakglass.verification import Verified, verify_journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from breakglass.report.case import Case

ROLE = "awx"
Record = dict[str, object]


class AwxSite(Site):
    """A site whose Vault knows AWX by an AppRole; use it in a `with` block."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(4711)
        self.job_journal = self.scratch / "jobs"

    def admin(self) -> Client:
        """A client that may do everything."""
        return Client(Connection(url=self.vault.url), self.vault.root_token)

    def login(self, *, wrapped: bool = False) -> Credential:
        """A fresh credential of our type, good for one job."""
        with self.admin() as admin:
            body = {"token_policies": [OPERATOR_POLICY], "token_no_default_policy": True, "token_ttl": "20m"}
            admin.post(f"auth/approle/role/{ROLE}", body)
            role_id = _text(admin.get(f"auth/approle/role/{ROLE}/role-id")["data"], "role_id")
            secret_id = _text(admin.post(f"auth/approle/role/{ROLE}/secret-id", {})["data"], "secret_id")
            given = {"url": self.vault.url, "role_id": role_id, "secret_id": secret_id}
            if wrapped:
                made = admin.post(f"auth/approle/role/{ROLE}/secret-id", {}, wrap_ttl=timedelta(seconds=60))[
                    "wrap_info"
                ]
                given |= {"secret_id": "", "wrapped_secret_id": _text(made, "token")}
        return Credential(CredentialType.read("vault_login"), given)

    def job(
        self,
        extra_vars: Mapping[str, object] | None = None,
        credentials: Sequence[Credential] | None = None,
        **more: object,
    ) -> AwxJob:
        """A job of the template for `restart_service`, not started yet."""
        usual = {
            "remediate_role": "restart_service",
            "remediate_access": "web-operator",
            "remediate_reason": "the shop is down",
            "remediate_ticket": "OPS-4711",
            "restart_service_name": "shop",
        }
        order = {"limit": self.host_name, **more}
        made = JobOrder(
            number=next(self._numbers),
            inventory=self._inventory(),
            extra_vars={**usual, **(extra_vars or {})},
            credentials=[self.login()] if credentials is None else credentials,
            **order,  # type: ignore[arg-type]
        )
        return AwxJob(made, self._paths())

    def bare_job(self, extra_vars: Mapping[str, object], limit: str, job_type: str, timeout: int) -> AwxJob:
        """A job of the runner's template: it knows nothing but what its launch said."""
        order = JobOrder(
            number=next(self._numbers),
            inventory=self._inventory(),
            extra_vars=extra_vars,
            limit=limit,
            credentials=[self.login()],
            job_type=job_type,
            timeout=timeout,
            template=(12, "Runner (breakglass)"),
            user=(8, "breakglass-runner"),
        )
        return AwxJob(order, self._paths())

    def _paths(self) -> dict[str, str]:
        return {"BREAKGLASS_RUNS": str(self.scratch / "in"), "BREAKGLASS_JOURNAL": str(self.job_journal)}

    def use_awx(self, url: str, token: str) -> None:
        """Have the runner's plays under web-operator be jobs of this AWX, before it starts."""
        file = self.place.secret("awx")
        file.write_text(token, encoding="utf-8")
        file.chmod(0o600)
        settings = yaml.safe_load(self.place.settings.read_text(encoding="utf-8"))
        settings["awx"] = {"url": url, "token_file": str(file), "job_template": 12, "accesses": ["web-operator"]}
        self.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    def _inventory(self) -> Record:
        """As `inventory.get_script_data` tells it."""
        web = yaml.safe_load(self.place.inventory.read_text(encoding="utf-8"))["web"]
        return {"all": {"children": ["web"]}, "web": {"hosts": list(web["hosts"])}, "_meta": {"hostvars": web["hosts"]}}

    def records(self, name: str = "*") -> list[Record]:
        """Every record of the jobs' streams of that name, in order."""
        paths = sorted(self.job_journal.glob(f"*/*/*/*/{name}.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_bytes().rpartition(b"\n")[0].splitlines()]

    def bodies(self, kind: str) -> list[Record]:
        """The bodies of the records of a kind."""
        return [record["body"] for record in self.records() if record["kind"] == kind]  # type: ignore[misc]

    def living(self, accessor: object) -> Record | None:
        """What Vault knows of a token; None when it is gone."""
        with self.admin() as admin:
            try:
                return admin.post("auth/token/lookup-accessor", {"accessor": accessor})["data"]  # type: ignore[return-value]
            except InvalidRequest:
                return None

    def case(self) -> Case:
        """What the reports make of the only run there was, an hour later."""
        (story,) = [one for one in stories(self.job_journal) if one.name.startswith("RUN-")]
        records = list(records_by_time(self.job_journal, story.streams, Troubles()))
        return case_of(story.name, records, datetime.now(UTC) + timedelta(hours=1))

    def verified(self) -> Verified:
        """The verification of the jobs' journal, with Vault."""
        return verify_journal(self.job_journal, None, self.environment, offline=False)

    def leftovers(self) -> list[Path]:
        """Run directories that are still there."""
        runs = self.scratch / "in"
        return list(runs.iterdir()) if runs.exists() else []


def _text(fields: object, name: str) -> str:
    assert isinstance(fields, dict)
    return str(fields[name])
