# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of the policy language, for editors; generated from the models, never written by hand."""

from __future__ import annotations

from .model import PolicyDocument


def policy_schema() -> dict[str, object]:
    """Give the JSON Schema (2020-12) of a policy file."""
    schema = PolicyDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "breakglass policy"}
