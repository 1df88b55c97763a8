# SPDX-License-Identifier: GPL-3.0-or-later
"""A play as a job of AWX: launched once whatever is answered, followed, cancelled, and called unknown when nobody knows."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.awx.server import TEMPLATE, TOKEN, AwxServer
from tests.support.awx.stand_in import ACCESSOR, OPENED, Maker, maker, stats
from tests.support.incidents import make_course, make_incident, make_plan

from breakglass.domain.incident import Attempt, Incident, PlayOutcome
from breakglass.domain.messages import NotStarted, PlayEnded
from breakglass.domain.plan import Rollout
from breakglass.effects import job
from breakglass.effects.awx_api import Awx, UnansweredByAwx
from breakglass.effects.job import RunJob, UnfitForAwx, limit_of, variables_of
from breakglass.settings import AwxSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.domain.messages import Outcome

PLAN = make_plan("web1", "web2")
INCIDENT = replace(make_incident(make_course(plan=PLAN)), attempts=(Attempt(1, by_job=True),))
FAILED: dict[str, object] = {
    "event": "runner_on_failed",
    "counter": 9,
    "event_data": {"host": "web1", "task": "Answers", "res": {"msg": "no\x1b[31m answer"}},
}
IGNORED: dict[str, object] = {
    "event": "runner_on_failed",
    "counter": 8,
    "event_data": {"ignore_errors": True, "res": {"msg": "x"}},
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(job, "END_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(job, "FIND_PATIENCE_SECONDS", 1.0)


@contextmanager
def serving(jobs: Maker, tmp_path: Path) -> Iterator[tuple[AwxServer, RunJob]]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with AwxServer(jobs) as server:
        settings = AwxSettings.model_construct(
            url=server.url, token_file=token, job_template=TEMPLATE, accesses=["web-operator"], ca_cert=None
        )
        yield server, RunJob(Awx(settings))


def ended(outcome: Outcome) -> tuple[PlayOutcome, str]:
    assert isinstance(outcome, PlayEnded), outcome
    return outcome.outcome, outcome.sentence


def test_a_job_gets_plain_values_and_what_it_is_found_by(tmp_path: Path) -> None:
    """Parameters under the role's own names, the hosts as its limit; the end tells its number, and the grant's accessor."""
    jobs = maker("running", "successful")
    with serving(jobs, tmp_path) as (server, effect):
        outcome = effect.run(INCIDENT)
        (launch,) = server.launches
    assert isinstance(outcome, PlayEnded)
    assert outcome.outcome is PlayOutcome.OK
    assert outcome.sentence.endswith(f"(AWX job {jobs.made[0].number})")
    assert (outcome.accessor, outcome.over_by) == (ACCESSOR, None)
    assert (launch["limit"], launch["job_type"]) == ("web1,web2", "run")
    assert launch["extra_vars"] == {
        "restart_service_name": "shop",
        "remediate_role": "breakglass.remediation.restart_service",
        "remediate_access": "web-operator",
        "remediate_user": "breakglass",
        "remediate_time_box": "600s",
        "remediate_reason": "INC-7K2F9X: service-down, attempt 1",
        "remediate_incident": "INC-7K2F9X",
        "remediate_attempt": "attempt 1",
        "remediate_plan_digest": PLAN.digest,
    }


@pytest.mark.parametrize("retry_after", [{"Retry-After": "0"}, {"Retry-After": "1"}])
def test_a_busy_awx_is_asked_again_when_it_says(tmp_path: Path, retry_after: dict[str, str]) -> None:
    """429 means that nothing was launched, so it is launched once in the end."""
    with serving(maker("successful"), tmp_path) as (server, effect):
        server.faults.before += [(429, retry_after)] * 2
        server.faults.looking += [(429, {"Retry-After": "0"})]
        assert ended(effect.run(INCIDENT))[0] is PlayOutcome.OK
        assert len(server.launches) == 1


def test_an_awx_that_stays_busy_launches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the attempt is over, and it is sure that there was none."""
    monkeypatch.setattr(job, "LAUNCH_PATIENCE_SECONDS", 0.0)
    with serving(maker(), tmp_path) as (server, effect):
        server.faults.before += [(429, {"Retry-After": "3600"})]
        assert isinstance(effect.run(INCIDENT), NotStarted)
        assert server.launches == []


@pytest.mark.parametrize("status", [500, 502, 503, 302])
def test_a_launch_that_was_answered_with_an_error_of_the_server_is_not_sent_again(tmp_path: Path, status: int) -> None:
    """Nobody knows whether it was done: it is looked for, and called unknown when it is not there."""
    with serving(maker(), tmp_path) as (server, effect):
        server.faults.before += [(status, {})]
        outcome = effect.run(INCIDENT)
        assert server.launches == []
    assert isinstance(outcome, PlayEnded)
    assert outcome.outcome is PlayOutcome.UNKNOWN
    assert "unknown" in outcome.sentence
    assert outcome.over_by is not None


@pytest.mark.parametrize("answer", [0, 502, 504])
def test_a_job_whose_launch_was_not_heard_of_is_found_again(tmp_path: Path, answer: int) -> None:
    """By incident, attempt and plan among the newest jobs; another attempt's is not taken for it."""
    jobs = maker("running", "successful")
    with serving(jobs, tmp_path) as (server, effect):
        earlier = replace(INCIDENT, attempts=(Attempt(1), Attempt(2, by_job=True)))
        assert ended(effect.run(earlier))[0] is PlayOutcome.OK
        server.faults.after += [answer]
        outcome, sentence = ended(effect.run(INCIDENT))
        assert len(server.launches) == 2
    assert outcome is PlayOutcome.OK
    assert f"AWX job {jobs.made[1].number}" in sentence


def test_a_job_of_a_dead_runner_is_followed_and_none_launched(tmp_path: Path) -> None:
    """What it came to is known in the end."""
    with serving(maker("running", "running", "successful"), tmp_path) as (server, effect):
        server.post(f"/api/v2/job_templates/{TEMPLATE}/launch/", {}, {"extra_vars": variables_of(INCIDENT, PLAN)})
        assert ended(effect.recover(INCIDENT))[0] is PlayOutcome.OK
        assert len(server.launches) == 1


def test_no_job_of_a_dead_runner_is_an_unknown_outcome(tmp_path: Path) -> None:
    """Its launch may have been under way: what it could have opened is waited for until its time box is over."""
    with serving(maker(), tmp_path) as (server, effect):
        outcome = effect.recover(INCIDENT)
        assert server.launches == []
    assert isinstance(outcome, PlayEnded)
    assert (outcome.outcome, outcome.accessor) == (PlayOutcome.UNKNOWN, "")
    assert outcome.over_by is not None


def test_troubles_while_a_job_is_followed_change_nothing(tmp_path: Path) -> None:
    """Errors of the server, and a busy one: it is looked at again."""
    with serving(maker("running", "successful"), tmp_path) as (server, effect):
        server.on_launch = lambda: server.faults.looking.extend([(503, {}), (429, {"Retry-After": "0"}), (500, {})])
        assert ended(effect.run(INCIDENT))[0] is PlayOutcome.OK


def _cancelled(effect: RunJob) -> None:
    effect.end(INCIDENT.id)


@pytest.mark.parametrize(
    ("stop", "why"), [(_cancelled, "a person cancelled"), (lambda effect: effect.end_all(), "the runner stopped")]
)
def test_a_job_that_must_end_is_cancelled(tmp_path: Path, stop: object, why: str) -> None:
    """By a person, or since the runner stops."""
    jobs = maker()
    with serving(jobs, tmp_path) as (server, effect):
        server.on_launch = lambda: stop(effect)  # type: ignore[operator]
        outcome, sentence = ended(effect.run(INCIDENT))
    assert outcome is PlayOutcome.STOPPED
    assert why in sentence
    assert jobs.made[0].cancels >= 1
    assert INCIDENT.id not in effect.cancelled


def test_nothing_is_launched_when_the_runner_stops(tmp_path: Path) -> None:
    """And it is sure that there is no job."""
    with serving(maker(), tmp_path) as (server, effect):
        effect.end_all()
        assert isinstance(effect.run(INCIDENT), NotStarted)
        assert server.launches == []
        effect.allow()
        effect.keep([], 0)


def test_a_job_that_takes_longer_than_its_box_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its grant is over by then, whatever it still does."""
    monkeypatch.setattr(job, "QUEUE_SECONDS", -600.0)
    with serving(maker(), tmp_path) as (_, effect):
        assert ended(effect.run(INCIDENT))[0] is PlayOutcome.TIMED_OUT


def test_a_job_that_waits_for_a_place_for_ever_never_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cancelled, and had opened nothing."""
    monkeypatch.setattr(job, "QUEUE_SECONDS", -600.0)
    with serving(maker(events=[]), tmp_path) as (server, effect):
        server.places = False
        outcome = effect.run(INCIDENT)
    assert isinstance(outcome, PlayEnded)
    assert (outcome.outcome, outcome.over_by) == (PlayOutcome.FAILED, None)
    assert "never came to run" in outcome.sentence


def test_an_awx_that_does_not_answer_any_more_leaves_an_unknown_outcome(tmp_path: Path) -> None:
    """A job that should end, and of which nothing is heard."""
    with serving(maker(), tmp_path) as (server, effect):
        server.on_launch = lambda: (effect.end(INCIDENT.id), server.faults.looking.extend([(503, {})] * 1000))
        outcome = effect.run(INCIDENT)
    assert isinstance(outcome, PlayEnded)
    assert outcome.outcome is PlayOutcome.UNKNOWN
    assert outcome.over_by is not None


@pytest.mark.parametrize(
    ("script", "events", "expected", "says"),
    [
        ("successful", [OPENED, stats(web1=5)], PlayOutcome.FAILED, "did nothing on web2"),
        (
            "failed",
            [OPENED, IGNORED, FAILED, stats(web1=5)],
            PlayOutcome.FAILED,
            "web1: Answers failed: no [31m answer",
        ),
        ("failed", [OPENED], PlayOutcome.FAILED, "the job failed"),
        ("timeout", [OPENED], PlayOutcome.TIMED_OUT, "timeout of its template"),
        ("error", [OPENED], PlayOutcome.UNKNOWN, "AWX lost the job: Job terminated due to error"),
        ("canceled", [OPENED], PlayOutcome.UNKNOWN, "somebody cancelled the job in AWX"),
    ],
)
def test_what_a_job_came_to(
    tmp_path: Path, script: str, events: list[dict[str, object]], expected: PlayOutcome, says: str
) -> None:
    """By AWX's status, its explanation, and what it counted on each host; a job that AWX lost is unknown."""
    with serving(maker(script, events=events), tmp_path) as (_, effect):
        outcome, sentence = ended(effect.run(INCIDENT))
    assert outcome is expected
    assert says in sentence


@pytest.mark.parametrize(
    ("script", "may_live"), [("successful", False), ("failed", False), ("error", True), ("canceled", True)]
)
def test_a_grant_that_no_event_tells_of(tmp_path: Path, script: str, *, may_live: bool) -> None:
    """A job that ended in order has told everything; one that was cut off may have opened one after its last event."""
    with serving(maker(script, events=[stats(web1=5, web2=5)]), tmp_path) as (_, effect):
        outcome = effect.run(INCIDENT)
    assert isinstance(outcome, PlayEnded)
    assert outcome.accessor == ""
    assert (outcome.over_by is not None) == may_live


def test_a_job_that_awx_finds_missing_has_an_unknown_outcome(tmp_path: Path) -> None:
    """As after a crash of the node that ran it."""
    with serving(maker(), tmp_path) as (server, effect):
        server.on_launch = lambda: [setattr(one, "lost", True) for one in server.jobs.values()]
        outcome, sentence = ended(effect.run(INCIDENT))
    assert outcome is PlayOutcome.UNKNOWN
    assert "not present in the job queue" in sentence


@pytest.mark.parametrize("prompt", ["ask_variables_on_launch", "ask_limit_on_launch", "ask_job_type_on_launch"])
def test_a_template_that_would_ignore_what_a_launch_says_is_not_launched(tmp_path: Path, prompt: str) -> None:
    """An ignored limit would be another set of hosts."""
    with serving(maker(), tmp_path) as (server, effect):
        server.prompts[prompt] = False
        outcome = effect.run(INCIDENT)
        assert server.launches == []
    assert isinstance(outcome, NotStarted)
    assert prompt in outcome.why


def test_a_launch_of_which_awx_ignored_something_is_cancelled(tmp_path: Path) -> None:
    """Somebody switched it off between the look and the launch."""
    jobs = maker()
    with serving(jobs, tmp_path) as (server, effect):
        shown = dict(server.prompts)
        server.get = _once(server, shown)  # type: ignore[method-assign]
        outcome, sentence = ended(effect.run(INCIDENT))
    assert jobs.made[0].cancels >= 1
    assert outcome is PlayOutcome.STOPPED
    assert "ignored its limit" in sentence


def _once(server: AwxServer, shown: dict[str, bool]) -> object:
    """Answers the look at the template, and then changes it."""
    real = AwxServer.get

    def get(path: str, query: dict[str, str], body: object) -> tuple[int, object, dict[str, str]]:
        if path.endswith("/launch/"):
            server.prompts["ask_limit_on_launch"] = False
            return 200, shown, {}
        return real(server, path, query, body)

    return get


def test_a_wrong_token_launches_nothing_and_is_not_told(tmp_path: Path) -> None:
    """The sentence says what AWX said, and holds no secret."""
    with serving(maker(), tmp_path) as (server, effect):
        (tmp_path / "token").write_text("another-token")
        outcome = effect.run(INCIDENT)
        assert server.launches == []
    assert isinstance(outcome, NotStarted)
    assert "401" in outcome.why
    assert "another-token" not in outcome.why


def test_what_is_no_awx_says_so(tmp_path: Path) -> None:
    """The address of something else."""
    with serving(maker(), tmp_path) as (server, effect):
        server.get = lambda *_: (200, {"hello": "world"}, {})  # type: ignore[method-assign]
        outcome = effect.run(INCIDENT)
        assert isinstance(outcome, NotStarted)
        assert "does not answer as AWX does" in outcome.why
        assert effect.awx is not None
        with pytest.raises(UnansweredByAwx):
            effect.awx.job(1)


@pytest.mark.parametrize("value", ["yes", "0x1f", "010", "2026-01-01", "1:20", "~", ["ok", "on"], {"a": "b"}])
def test_a_value_that_awx_would_change_is_not_handed_over(value: object) -> None:
    """A text that newer cores would read as a truth, a number or a date."""
    plan = replace(PLAN, parameters={"restart_service_name": value})
    with pytest.raises(UnfitForAwx):
        variables_of(INCIDENT, plan)


@pytest.mark.parametrize("value", ["nginx", "{{ 7*7 }}", "a: b", "", 5, 1.5, True, None, ["web", "a b"]])
def test_every_other_value_is_handed_over_as_it_is(value: object) -> None:
    """Templates too: AWX marks texts as none."""
    assert variables_of(INCIDENT, replace(PLAN, parameters={"x": value}))["x"] == value


@pytest.mark.parametrize("host", ["web*", "!web1", "web[1:2]", "~web", "&web", "a:b", ""])
def test_a_host_that_would_be_a_pattern_is_not_handed_over(host: str) -> None:
    """A limit is a list of patterns; names are all that may stand in ours."""
    with pytest.raises(UnfitForAwx):
        limit_of(make_plan("web1", host))


def test_without_an_awx_in_the_settings_nothing_runs() -> None:
    """An incident of older settings is told so."""
    assert isinstance(RunJob(None).run(INCIDENT), NotStarted)
    assert ended(RunJob(None).recover(INCIDENT))[0] is PlayOutcome.UNKNOWN


def test_one_of_several_hosts_goes_first_in_a_job_too() -> None:
    """The batches of the plan go along as numbers; without a canary all hosts have their turn at once."""
    canary = replace(PLAN, rollout=Rollout.CANARY)
    assert variables_of(INCIDENT, canary)["remediate_serial"] == [1, 1]
    assert "remediate_serial" not in variables_of(INCIDENT, replace(PLAN, rollout=Rollout.TOGETHER))


def test_a_drill_is_a_job_in_check_mode(tmp_path: Path) -> None:
    """It says what it would change."""
    course = make_course(plan=replace(PLAN, check_mode=True))
    drill: Incident = replace(INCIDENT, course=replace(course, drill="monday-web"))
    with serving(maker("successful"), tmp_path) as (server, effect):
        effect.run(drill)
        assert server.launches[0]["job_type"] == "check"


def test_jobs_of_several_incidents_go_on_side_by_side(tmp_path: Path) -> None:
    """What is cancelled is one of them."""
    jobs = maker("running", "running", "running", "successful")
    with serving(jobs, tmp_path) as (_, effect):
        other = replace(INCIDENT, id="INC-OTHER1")
        found: dict[str, Outcome] = {}
        threads = [
            threading.Thread(target=lambda one=one: found.update({one.id: effect.run(one)}))
            for one in (INCIDENT, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {ended(outcome)[0] for outcome in found.values()} == {PlayOutcome.OK}
