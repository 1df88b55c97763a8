# SPDX-License-Identifier: GPL-3.0-or-later
"""OCSF's own schema, out of the package ocsf-json-schema, which carries it: what is wrong with an event."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "1.8.0"


def faults_of(event: Mapping[str, object]) -> list[str]:
    """What OCSF's schema says against an event, under the profiles that it names itself."""
    metadata = event["metadata"]
    assert isinstance(metadata, dict)
    uid = event["class_uid"]
    assert isinstance(uid, int)
    validator = _validator(uid, tuple(metadata.get("profiles", ())))
    return [f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(event)]


@lru_cache
def _validator(class_uid: int, profiles: tuple[str, ...]) -> Draft202012Validator:
    schema = _schema()
    return Draft202012Validator(schema.get_class_schema(_class_name(class_uid), list(profiles)))


@lru_cache
def _schema() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))


def _class_name(class_uid: int) -> str:
    """The schema's own key, which is not in every case the class's name (`event_log_actvity`)."""
    classes = _schema().schema.schema["classes"]
    return next(key for key, event_class in classes.items() if event_class["uid"] == class_uid)
