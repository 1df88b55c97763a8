# SPDX-License-Identifier: GPL-3.0-or-later
"""One job as AWX runs it: private data directory, `transmit`, `worker` in a container of its own, `process`.

What is written, set and passed follows awx/main/tasks/jobs.py and receptor.py. The container is a PID namespace: what ends
its first process ends everything in it at once, the guard of a grant too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import ansible_runner
import yaml
from tests.support.awx.image import AWX, variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.awx.credential import Credential

CONTAINER = ("unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
UNPRIVILEGED = ("--user", "--map-root-user")


@dataclass(frozen=True)
class JobOrder:
    """What AWX knows of a job when it starts it.

    Attributes:
        number: Its id.
        inventory: What its inventory script says, `_meta` included.
        extra_vars: Plain values, as a survey, a template or a launch gave them.
        limit: Hosts, as the launch gave them.
        credentials: What is put into its environment.
        playbook: Relative to the project.
        job_type: run, or check.
        timeout: Of the template, in seconds; 0 for none.
        template: Id and name of the template.
        user: Id and name of who launched it.
        workflow: Id and name of the workflow job that it belongs to.
        newest: Whether this is an AWX that sets ANSIBLE_CALLBACKS_ENABLED itself.
    """

    number: int
    inventory: Mapping[str, object]
    extra_vars: Mapping[str, object]
    limit: str = ""
    credentials: Sequence[Credential] = ()
    playbook: str = "remediate.yml"
    job_type: str = "run"
    timeout: int = 0
    template: tuple[int, str] = (12, "Restart service (breakglass)")
    user: tuple[int, str] = (3, "ada")
    workflow: tuple[int, str] | None = None
    newest: bool = False


class SafeDumper(yaml.SafeDumper):
    """Marks every text as one that is no template, as awx/main/utils/safe_yaml.py does."""

    def represent_data(self, data: object) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("!unsafe", data)
        return super().represent_data(data)


@dataclass
class AwxJob:
    """A job, from its files to what AWX knows of it at the end; use it in a `with` block.

    Attributes:
        order: What it is.
        environment: Of the container, beside what the image sets: paths of this test.
        project: The files of another project than that of deploy/awx.
        status: What ansible-runner has said last: starting, running, successful, failed, canceled, timeout, error.
        events: What AWX would have stored, in the order of their counters.
    """

    order: JobOrder
    environment: Mapping[str, str]
    project: Mapping[str, str] | None = None
    status: str = "pending"
    code: int | None = None
    events: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"awx_{self.order.number}_"))
        self.inside = Path(tempfile.mkdtemp(prefix="r-"))  # what is /runner in a container
        self._worker: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def number(self) -> int:
        """Its id."""
        return self.order.number

    def end(self) -> None:
        """Leave nothing of it."""
        self.kill()
        if self._worker is not None:
            self._worker.wait()
            self._over.wait(20)
        for path in (self.directory, self.inside):
            shutil.rmtree(path, ignore_errors=True)

    def start(self) -> Self:
        """Prepare it, send it to a worker, and read what that says, in threads as AWX does."""
        kwargs = self._prepare()
        self._worker = subprocess.Popen(
            [
                *_container(),
                str(Path(sys.executable).with_name("ansible-runner")),
                "worker",
                f"--private-data-dir={self.inside}",
            ],
            env=self._of_container(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        transmit = threading.Thread(target=self._transmit, args=(kwargs, self._worker.stdin))
        process = threading.Thread(target=self._process, args=(kwargs, self._worker.stdout), daemon=True)
        transmit.start()
        process.start()
        return self

    def wait(self, seconds: float = 100) -> Self:
        """Until AWX would call it finished."""
        assert self._over.wait(seconds), f"{self.status}:\n{self.stdout}"
        return self

    def is_over(self) -> bool:
        """Whether AWX would call it finished."""
        return self._over.is_set()

    def cancel(self) -> None:
        """What Receptor does when AWX cancels a job: SIGINT to the worker; who does not end for it is killed (`kill`)."""
        for pid in self._first_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def kill(self) -> None:
        """The container ends at once: `podman kill`, a node that dies, a pod that is evicted."""
        if self._worker is not None and self._worker.poll() is None:
            for pid in self._first_processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    @property
    def stdout(self) -> str:
        """What the job's page shows."""
        return "\n".join(str(event["stdout"]) for event in self.events if event.get("stdout"))

    def _first_processes(self) -> list[int]:
        """The worker: the only child of `unshare`, and the first process of its namespace."""
        if self._worker is None:
            return []
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{self._worker.pid}/task/{self._worker.pid}/children").read_text(encoding="ascii")
            return [int(pid) for pid in children.split()]
        return []

    def _of_container(self) -> dict[str, str]:
        """What the image sets, and this test; an empty text unsets a variable."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        base = {"PATH": path, "HOME": str(self.inside), "LANG": "C.UTF-8", "container": "podman"}
        return {name: value for name, value in {**base, **variables(), **self.environment}.items() if value}

    def _prepare(self) -> dict[str, object]:
        for name in ("inventory", "env", "cp"):
            (self.directory / name).mkdir(mode=0o700)
        shutil.copytree(AWX / "project", self.directory / "project")
        for name, text in (self.project or {}).items():
            self._write(f"project/{name}", text)
        script = json.dumps(self.order.inventory)
        text = f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({script!r})\n"
        self._write("inventory/hosts", text).chmod(0o700)
        self._write("env/extravars", yaml.dump({**self.order.extra_vars, **self._meta()}, Dumper=SafeDumper))
        self._write("env/cmdline", ansible_runner.utils.args2cmdline(*self._arguments()))
        runner = {"job_timeout": self.order.timeout, "suppress_ansible_output": True, "suppress_output_file": True}
        self._write("env/settings", json.dumps(runner))
        environment = self._environment()
        for credential in self.order.credentials:
            environment |= credential.inject(self.directory, self.inside)
        return {
            "ident": self.order.number,
            "private_data_dir": str(self.directory),
            "playbook": self.order.playbook,
            "inventory": str(self.directory / "inventory" / "hosts"),
            "passwords": {"yes": "yes", "no": "no", "": ""},
            "suppress_env_files": True,
            "envvars": environment,
            "fact_cache_type": "",
        }

    def _environment(self) -> dict[str, str]:
        found = {
            "AWX_PRIVATE_DATA_DIR": str(self.directory),
            "JOB_ID": str(self.order.number),
            "INVENTORY_ID": "2",
            "PROJECT_REVISION": "c0ffee",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_FORCE_COLOR": "True",
            "MAX_EVENT_RES": "700000",
            "AWX_HOST": "https://towerhost",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.inside / "cp"),
            "ANSIBLE_ROLES_PATH": f"{self.inside}/requirements_roles:~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles",
            "ANSIBLE_COLLECTIONS_PATH": f"{self.inside}/requirements_collections:~/.ansible/collections:/usr/share/ansible/collections",
        }
        if self.order.newest:
            found["ANSIBLE_CALLBACKS_ENABLED"] = f"indirect_instance_count,{_enabled_by_project()}"
        return found

    def _arguments(self) -> list[str]:
        check = ["--check"] if self.order.job_type == "check" else []
        return [*check, "-u", "root", *(["-l", self.order.limit] if self.order.limit else [])]

    def _meta(self) -> dict[str, object]:
        """awx_meta_vars: what AWX says of the job, whatever a launch said."""
        named = {
            "job_id": self.order.number,
            "job_launch_type": "workflow" if self.order.workflow else "manual",
            "job_template_id": self.order.template[0],
            "job_template_name": self.order.template[1],
            "user_id": self.order.user[0],
            "user_name": self.order.user[1],
            "user_email": "ada@example.com",
            "inventory_id": 2,
            "inventory_name": "Production",
            "project_revision": "c0ffee",
            "project_scm_branch": "main",
            "execution_node": "node-1",
        }
        if self.order.workflow:
            named |= {"workflow_job_id": self.order.workflow[0], "workflow_job_name": self.order.workflow[1]}
        return {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in named.items()}

    def _write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    def _transmit(self, kwargs: Mapping[str, object], output: BinaryIO) -> None:
        with contextlib.suppress(BrokenPipeError), output:
            ansible_runner.interface.run(streamer="transmit", _output=output, **_copied(kwargs))

    def _process(self, kwargs: Mapping[str, object], results: BinaryIO) -> None:
        try:
            with results:
                done = ansible_runner.interface.run(
                    streamer="process",
                    quiet=True,
                    _input=results,
                    event_handler=self._take,
                    status_handler=self._hear,
                    **_copied(kwargs),
                )
            self.status, self.code = done.status, done.rc
        finally:
            self._over.set()

    def _take(self, event: dict[str, object]) -> bool:
        self.events.append(event)
        return False

    def _hear(self, told: Mapping[str, str], **_: object) -> None:
        self.status = told["status"]


def _container() -> list[str]:
    return [*CONTAINER, *(() if os.geteuid() == 0 else UNPRIVILEGED)]


def _copied(kwargs: Mapping[str, object]) -> dict[str, object]:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in kwargs.items()}


def _enabled_by_project() -> str:
    import configparser  # noqa: PLC0415 (needed only here)

    parser = configparser.ConfigParser()
    parser.read(AWX / "project" / "ansible.cfg", encoding="utf-8")
    return parser["defaults"]["callbacks_enabled"]
