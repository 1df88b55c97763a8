# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of recorded events on the core of this environment holds on the oldest and newest that were made, too.

`make cores` makes them, below `.build/cores`; where there are none, nothing is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.test_collection_events_corpus import (  # noqa: F401 (each is a test of this module, too)
    everything,
    test_an_ad_hoc_command_in_check_mode_for_a_job_of_awx,
    test_an_error_of_the_strategy_leaves_an_intent_without_result,
    test_asynchronous_jobs,
    test_differences_are_opt_in_and_never_of_a_hidden_task,
    test_every_record_is_as_the_published_schema_says,
    test_includes_roles_and_handlers,
    test_intents_and_results_belong_together,
    test_items_and_attempts,
    test_meta_tasks,
    test_no_result_is_too_odd_to_be_recorded,
    test_parts_of_blocks_and_what_becomes_of_errors,
    test_strategies_and_batches,
    test_unreachable_hosts,
    test_where_and_how_a_task_acts,
    test_who_runs_what,
)
from tests.support.corpus_play import other_cores
from tests.trials.test_events_canary import test_no_record_has_the_canary  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", params=list(other_cores().values()), ids=list(other_cores()))
def core(request: pytest.FixtureRequest) -> Path:
    """Where the programs of another ansible-core are."""
    return request.param
