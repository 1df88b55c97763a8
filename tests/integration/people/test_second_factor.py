# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes of a real TOTP engine: this moment's only, counted, good once, whatever Vault forgets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.passcode import PERIOD_SECONDS, passcode

from breakglass.enrolling import UnusableEnrolment, enrol
from breakglass.errors import BreakglassError
from breakglass.second_factor import NoFactor, SecondFactor, WrongCode
from breakglass.store.factors import MOST_TRIES, Factors, LockedFactor, UsedCode
from breakglass.store.tables import FACTOR, USED_CODE

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.lasting_openbao import LastingOpenBao

    from breakglass.store.database import Database


@pytest.fixture
def factor(admin: Client, database: Database) -> SecondFactor:
    """What checks codes."""
    return SecondFactor(lambda: admin, Factors(database))


def fresh_code(address: str) -> str:
    """The code of this moment, with time left to use it."""
    while PERIOD_SECONDS - time.time() % PERIOD_SECONDS < 10:
        time.sleep(0.2)
    return passcode(address, time.time())


def test_the_right_code_counts_once_even_after_a_seal(bao: LastingOpenBao, admin: Client, factor: SecondFactor) -> None:
    """Vault forgets which codes were used when it is sealed and unsealed; the database does not."""
    address = enrol(admin, "ada").address
    code = fresh_code(address)
    factor.check("ada", code)
    bao.seal()
    bao.unseal()
    with pytest.raises(UsedCode, match="used before"):
        factor.check("ada", code)


def test_codes_of_other_moments_are_wrong(admin: Client, factor: SecondFactor) -> None:
    """No skew: neither the last code nor the next one is taken."""
    address = enrol(admin, "ben").address
    fresh_code(address)
    for steps in (-1, 1):
        with pytest.raises(WrongCode):
            factor.check("ben", passcode(address, time.time(), steps))


def test_guessing_is_counted_and_locked(admin: Client, factor: SecondFactor) -> None:
    """Also the right code is refused then; a right one before that starts the count anew."""
    address = enrol(admin, "cy").address
    for _ in range(MOST_TRIES - 1):
        with pytest.raises(WrongCode):
            factor.check("cy", "00000000")
    factor.check("cy", fresh_code(address))
    for _ in range(MOST_TRIES):
        with pytest.raises(WrongCode):
            factor.check("cy", "00000000")
    with pytest.raises(LockedFactor, match="somebody has your login"):
        factor.check("cy", fresh_code(address))


def test_a_vault_that_does_not_answer_costs_no_try(
    bao: LastingOpenBao, admin: Client, factor: SecondFactor, database: Database
) -> None:
    """Nobody is locked out because Vault was sealed."""
    enrol(admin, "dan")
    bao.seal()
    try:
        with pytest.raises(BreakglassError):
            factor.check("dan", "00000000")
    finally:
        bao.unseal()
    with database.reading() as connection:
        assert [row.tries for row in connection.execute(FACTOR.select())] == [0]


def test_nothing_of_a_code_is_in_the_database(admin: Client, factor: SecondFactor, database: Database) -> None:
    """What is remembered is a costly digest."""
    code = fresh_code(enrol(admin, "eve").address)
    factor.check("eve", code)
    with database.reading() as connection:
        (row,) = connection.execute(USED_CODE.select())
    assert code not in str(row)
    assert len(row.code) == 32


@pytest.mark.parametrize(
    "code", ["", "12345", "123456789", "\uff11\uff12\uff13\uff14\uff15\uff16", "12 34 56", "' or 1=1"]
)
def test_what_is_no_code_is_refused_without_asking(factor: SecondFactor, database: Database, code: str) -> None:
    """It costs no try."""
    with pytest.raises(WrongCode, match="six to eight digits"):
        factor.check("ada", code)
    with database.reading() as connection:
        assert not list(connection.execute(FACTOR.select()))


def test_who_has_no_factor_is_told_how_to_get_one(factor: SecondFactor) -> None:
    """An admin makes it."""
    with pytest.raises(NoFactor, match="breakglass vault enrol nobody"):
        factor.check("nobody", "12345678")


def test_a_factor_is_not_replaced_by_accident(admin: Client) -> None:
    """The old one would be dead."""
    enrol(admin, "fay")
    with pytest.raises(UnusableEnrolment, match="--replace"):
        enrol(admin, "fay")
    with pytest.raises(UnusableEnrolment, match="metadata"):
        enrol(admin, "../../sys/seal")
    assert enrol(admin, "fay", replace=True).picture.startswith(b"\x89PNG")
