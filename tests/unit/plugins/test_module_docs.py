# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of ours documents: exactly the options that its action takes, and results that Jinja can reach."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from ansible_collections.breakglass.remediation import plugins
from ansible_collections.breakglass.remediation.plugins.doc_fragments.vault import ModuleDocFragment
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLUGINS = Path(next(iter(plugins.__path__)))
EVERY_MODULE = sorted(path.stem for path in (PLUGINS / "modules").glob("[a-z]*.py"))
ACTIONS = sorted(path.stem for path in (PLUGINS / "action").glob("[a-z]*.py"))
ON_HOSTS = sorted({*EVERY_MODULE} - {*ACTIONS})
WITHOUT_VAULT = frozenset({"parameters"})
MODULES = sorted({*ACTIONS} - WITHOUT_VAULT)
FRAGMENT = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
SAID = ("type", "choices", "default", "required", "elements")
METHODS = frozenset(dir(dict))

Fields = dict[str, dict[str, object]]


def _block(module: str, name: str) -> object:
    return yaml.safe_load(getattr(import_module(f"{plugins.__name__}.modules.{module}"), name))


def _documentation(module: str) -> dict[str, object]:
    return cast("dict[str, object]", _block(module, "DOCUMENTATION"))


def test_each_action_has_a_module() -> None:
    """Documentation and action stand side by side under one name, and `module_defaults` reaches all of them."""
    assert {*ACTIONS} <= {*EVERY_MODULE}
    groups = yaml.safe_load((PLUGINS.parent / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert sorted(groups["vault"]) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_options_are_those_of_the_argument_spec(module: str) -> None:
    """Names, types, choices, defaults, elements and what is required agree, those of the fragment included."""
    written = cast("Fields", _documentation(module).get("options") or {})
    spec = cast("Fields", getattr(options, module.upper()))
    assert not written.keys() & FRAGMENT.keys()
    documented = {**FRAGMENT, **written}
    assert documented.keys() == spec.keys()
    for name, option in spec.items():
        assert _said(documented[name]) == _said(option), name
        assert documented[name].keys() <= {"description", *SAID}, name


def _said(option: Mapping[str, object]) -> dict[str, object]:
    return {key: option[key] for key in SAID if key in option}


@pytest.mark.parametrize("module", MODULES)
def test_each_module_says_who_where_and_what_check_mode_does(module: str) -> None:
    """The fragments are taken, the name is the file's, and check mode, diff mode and platform are said."""
    said = _documentation(module)
    assert said["module"] == module
    assert said["extends_documentation_fragment"] == ["breakglass.remediation.vault", "action_common_attributes"]
    attributes = cast("Fields", said["attributes"])
    assert attributes.keys() == {"check_mode", "diff_mode", "platform"}
    assert attributes["check_mode"]["description"]


@pytest.mark.parametrize("module", ON_HOSTS)
def test_a_module_of_hosts_documents_what_it_takes(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The options are those that it declares, and it has a check mode."""
    declared: dict[str, object] = {}

    def declare(**given: object) -> None:
        declared.update(given)
        raise NotImplementedError

    code = import_module(f"{plugins.__name__}.modules.{module}")
    monkeypatch.setattr(code, "AnsibleModule", declare)
    with pytest.raises(NotImplementedError):
        code.main()
    said = _documentation(module)
    options, spec = cast("Fields", said.get("options") or {}), cast("Fields", declared["argument_spec"])
    assert {name: _with_type(one) for name, one in options.items()} == {
        name: _with_type(one) for name, one in spec.items()
    }
    assert all(one["description"] for one in options.values())
    assert (said["module"], said["extends_documentation_fragment"]) == (module, ["action_common_attributes"])
    assert cast("Fields", said["attributes"]).keys() == {"check_mode", "diff_mode", "platform"}
    assert declared["supports_check_mode"] is True


def _with_type(option: Mapping[str, object]) -> dict[str, object]:
    return {"type": "str", **_said(option)}


@pytest.mark.parametrize("module", EVERY_MODULE)
def test_each_result_is_described(module: str) -> None:
    """Every key has a description, a type and a condition, and is no method of a dictionary, which Jinja would find first."""
    for name, field in _fields(cast("Fields", _block(module, "RETURN"))):
        assert field["description"], name
        assert field["type"] in {"str", "int", "bool", "dict", "list"}, name
        assert (field["type"] == "list") == ("elements" in field), name
        assert name not in METHODS
    assert all(field["returned"] for field in cast("Fields", _block(module, "RETURN")).values())


def _fields(fields: Fields) -> Iterator[tuple[str, dict[str, object]]]:
    for name, field in fields.items():
        yield name, field
        yield from _fields(cast("Fields", field.get("contains") or {}))


@pytest.mark.parametrize("module", ON_HOSTS)
def test_each_example_of_a_module_of_hosts_is_a_task_with_a_name_of_its_own(module: str) -> None:
    """Examples are named tasks with the full name of the module."""
    tasks = cast("list[dict[str, object]]", _block(module, "EXAMPLES"))
    assert any(f"breakglass.remediation.{module}" in task for task in tasks)
    assert len({task["name"] for task in tasks}) == len(tasks)


@pytest.mark.parametrize("module", MODULES)
def test_each_example_is_a_task_with_a_name_of_its_own(module: str) -> None:
    """Examples are named tasks with full module names, and run once on the controller where they are ours."""
    tasks = cast("list[dict[str, object]]", _block(module, "EXAMPLES"))
    ours = [task for task in tasks if any(key.startswith("breakglass.remediation.") for key in task)]
    assert any(f"breakglass.remediation.{module}" in task for task in ours)
    assert len({task["name"] for task in tasks}) == len(tasks)
    for task in ours:
        assert (task["delegate_to"], task["become"], task["run_once"]) == ("localhost", False, True)
