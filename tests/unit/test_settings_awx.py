# SPDX-License-Identifier: GPL-3.0-or-later
"""`awx:` of the settings: where AWX is, and which accesses are its."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from breakglass.settings import AwxSettings

GOOD = {"url": "https://awx.example.com/", "token_file": "/x/awx", "job_template": "42", "accesses": ["web-operator"]}


def test_an_awx_is_an_address_a_token_a_template_and_accesses() -> None:
    """The address has no slash at its end; on this machine it may be plain."""
    found = AwxSettings.model_validate(GOOD, context={"directory": Path("/etc/breakglass")})
    assert (found.url, found.job_template, found.accesses) == ("https://awx.example.com", 42, ["web-operator"])
    assert (
        AwxSettings.model_validate(
            {**GOOD, "url": "http://127.0.0.1:80"}, context={"directory": Path("/etc/breakglass")}
        ).url
        == "http://127.0.0.1:80"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://awx.example.com"},
        {"url": "https://me:pw@awx"},
        {"accesses": []},
        {"job_template": "0"},
        {"token": "x"},
    ],
)
def test_a_token_does_not_travel_in_clear_text_and_nothing_is_left_open(wrong: dict[str, object]) -> None:
    """Nor is a template without a number, an access of nobody, or a secret in the settings themselves, taken."""
    with pytest.raises(ValidationError):
        AwxSettings.model_validate({**GOOD, **wrong}, context={"directory": Path("/etc/breakglass")})
