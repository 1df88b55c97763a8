# SPDX-License-Identifier: GPL-3.0-or-later
"""What deploy/awx would make in AWX: surveys as the roles say, credential types as AWX takes them, modules as awx.awx has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from tests.support.awx.credential import CredentialType, NotAccepted
from tests.support.awx.image import AWX
from tests.support.awx.survey_rules import survey_fault
from tools.awx_surveys import not_asked, survey, text, title
from tools.role_docs import RolePapers, read_papers, remediation_roles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).parents[3]
ROLES = remediation_roles(REPOSITORY / "roles")
SPECS = json.loads((REPOSITORY / "tests/support/awx/argument_specs.json").read_text(encoding="utf-8"))
Item = dict[str, object]


def _yaml(name: str) -> object:
    return yaml.safe_load((AWX / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_the_surveys_are_what_the_roles_say(role: str) -> None:
    """Written by `make awx-surveys`; a role that changes needs it again."""
    assert (AWX / "surveys" / f"{role}.json").read_text(encoding="utf-8") == text(read_papers(REPOSITORY, role))


def test_there_is_a_survey_for_each_remediation_and_for_nothing_else() -> None:
    """A role that is no more leaves none behind."""
    assert sorted(path.stem for path in (AWX / "surveys").iterdir()) == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_awx_takes_the_survey(role: str) -> None:
    """The rules of JobTemplateSurveySpec in AWX's API: names once, known types, choices and defaults that fit them."""
    assert survey_fault(survey(read_papers(REPOSITORY, role))) == ""


@pytest.mark.parametrize("role", ROLES)
def test_a_survey_asks_for_no_command_no_truth_and_no_free_list(role: str) -> None:
    """No launcher chooses what is executed; and `false`, handed over as text, would be true."""
    papers = read_papers(REPOSITORY, role)
    options = cast("Mapping[str, Item]", papers.spec.get("options") or {})
    kinds = cast("Mapping[str, str]", papers.behaviour.get("parameters") or {})
    left_out = {
        name
        for name, option in options.items()
        if option.get("type") == "bool"
        or kinds.get(name) == "argument"
        or (option.get("type") == "list" and not option.get("choices"))
    }
    assert set(not_asked(papers)) == left_out


def test_every_template_sets_what_its_role_needs_and_its_survey_does_not_ask() -> None:
    """The example works as it stands."""
    for template in cast("list[Item]", cast("Item", _yaml("vars.yml"))["awx_templates"]):
        papers = read_papers(REPOSITORY, str(template["role"]))
        options = cast("Mapping[str, Item]", papers.spec.get("options") or {})
        needed = {name for name in not_asked(papers) if options[name].get("required")}
        assert needed <= cast("Item", template.get("extra_vars") or {}).keys()


def test_a_number_is_bounded_by_the_kind_of_its_parameter() -> None:
    """And a default outside of these bounds, which stands for `not asked for`, is still allowed."""
    options: Item = {
        "x_port": {"type": "int", "default": 0, "description": "V(0) asks for none."},
        "x_other": {"type": "int", "required": True, "description": ["How many."]},
    }
    papers = RolePapers(
        "x", {"short_description": "X", "options": options}, {"parameters": {"x_port": "port"}}, {}, has_playbook=False
    )
    port, other = cast("list[Item]", survey(papers)["spec"])[-2:]
    assert (port["min"], port["max"], port["default"], port["question_name"]) == (0, 65535, 0, "Port")
    assert port["question_description"] == "0 asks for none."
    assert (other["required"], other["default"]) == (True, "")
    assert title("restart_service") == "Restart service"


@pytest.mark.parametrize("name", ["vault_login", "journal"])
def test_awx_takes_the_credential_types(name: str) -> None:
    """Every name that a template uses is a field or a file; no variable that AWX refuses is set."""
    kind = CredentialType.read(name)
    assert all(name.startswith(("VAULT_", "BREAKGLASS_")) for name in kind.env)
    secret = {name for name, field in kind.fields.items() if field.get("secret")}
    assert not any(f"{{{{ {name} }}}}" in template for template in kind.env.values() for name in secret)


@pytest.mark.parametrize("variable", ["ANSIBLE_CALLBACKS_ENABLED", "JOB_ID", "1X"])
def test_a_credential_type_may_not_set_what_awx_forbids(variable: str) -> None:
    """As AWX answers: what the test of our own types would say if they did."""
    with pytest.raises(NotAccepted):
        CredentialType({"fields": [], "required": []}, {variable: "x"}, {}).check()


def _tasks() -> Iterator[tuple[str, str, Item]]:
    for task in cast("list[Item]", cast("list[Item]", _yaml("apply.yml"))[0]["tasks"]):
        (module,) = [name for name in task if name.startswith("awx.awx.")]
        yield str(task["name"]), module.removeprefix("awx.awx."), cast("Item", task[module])


@pytest.mark.parametrize(("name", "module", "given"), list(_tasks()))
def test_the_playbook_gives_modules_what_they_take(name: str, module: str, given: Item) -> None:
    """Every option is known to the module of awx.awx, with a value that is one of its choices."""
    known = cast("Mapping[str, Item]", SPECS["modules"][module])
    assert given.keys() <= known.keys(), name
    assert {option for option, spec in known.items() if spec.get("required")} <= given.keys()
    for option, value in given.items():
        choices, literal = known[option].get("choices"), not (isinstance(value, str) and "{{" in value)
        assert not choices or not literal or value in cast("list[object]", choices)
        if literal and known[option].get("type") == "bool":
            assert isinstance(value, bool)


def test_the_playbook_makes_every_kind_of_object() -> None:
    """From the organization to the schedule of drills; the node that waits for a yes is part of the workflow."""
    assert {module for _, module, _ in _tasks()} == set(SPECS["modules"]) - {"workflow_job_template_node"}
    (nodes,) = [given["workflow_nodes"] for _, module, given in _tasks() if module == "workflow_job_template"]
    kinds = [cast("Item", node["unified_job_template"])["type"] for node in cast("list[Item]", nodes)]
    assert kinds == ["workflow_approval", "job_template"]
