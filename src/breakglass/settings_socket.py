# SPDX-License-Identifier: GPL-3.0-or-later
"""`socket:` of the settings: where people on the runner's own machine reach it, also while Vault is down."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from breakglass.policy.scalars import Strict, sentence
from breakglass.settings_paths import MaybeFilePath  # noqa: TC001 (pydantic reads the annotation)

GROUP_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}", re.ASCII | re.IGNORECASE)


def _group(value: object) -> str:
    if not isinstance(value, str) or not GROUP_NAME.fullmatch(value):
        raise sentence("Name a group of this machine, such as oncall.")
    return value


class SocketSettings(Strict):
    """`socket:`."""

    path: MaybeFilePath = Field(
        default=None,
        description="The socket, in a directory of its own, which the runner makes. Without it: control/runner beside the database.",
    )
    group: Annotated[
        str | None,
        BeforeValidator(_group),
        WithJsonSchema({"type": "string", "pattern": f"^{GROUP_NAME.pattern}$"}),
        Field(description="Its members may hold, lift and revoke, beside root and the runner's own user."),
    ] = None
