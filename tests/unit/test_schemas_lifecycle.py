"""The one table of a job's states: laws of it, and what follows when two tell at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import JobStatus
from schemas.lifecycle import TRANSITIONS, IllegalTransition, checked, may_follow, state_after

STATES = st.sampled_from(list(JobStatus))
WAY = (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PROCESSING)


def test_every_state_has_its_line_and_no_line_names_a_birth() -> None:
    assert TRANSITIONS.keys() == set(JobStatus)
    assert all(JobStatus.PENDING not in after for after in TRANSITIONS.values())


def test_the_main_way_is_open_and_has_no_short_cut() -> None:
    for end in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        for before, after in zip(WAY, (*WAY[1:], end), strict=True):
            assert checked("a", before, after) is after
    assert not may_follow(JobStatus.PENDING, JobStatus.PROCESSING)
    assert not may_follow(JobStatus.QUEUED, JobStatus.COMPLETED)


def test_paused_stands_beside_them_and_comes_back_by_the_queue() -> None:
    for state in WAY:
        assert may_follow(state, JobStatus.PAUSED)
    assert {state for state in JobStatus if may_follow(JobStatus.PAUSED, state)} == {
        *(JobStatus.PENDING, JobStatus.PAUSED, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED)
    }


def test_from_every_state_but_cancelled_a_job_can_get_to_work_again() -> None:
    for state in set(JobStatus) - {JobStatus.CANCELLED}:
        reached, fresh = {state}, {state}
        while fresh:
            fresh = {after for one in fresh for after in TRANSITIONS[one]} - reached
            reached |= fresh
        assert JobStatus.PROCESSING in reached
    assert TRANSITIONS[JobStatus.CANCELLED] == frozenset()


@given(st.lists(STATES), STATES)
def test_each_step_of_a_history_is_in_the_table_or_is_no_news(words: list[JobStatus], last: JobStatus) -> None:
    before = state_after(None, words)
    after = state_after(before, [last])
    assert after is state_after(None, [*words, last])
    if after is not before:
        assert after is last
        assert before is None or last is JobStatus.PENDING or last in TRANSITIONS[before]


@given(st.lists(STATES.filter(lambda state: state is not JobStatus.PENDING)))
def test_nothing_but_a_new_life_comes_after_cancelled(words: list[JobStatus]) -> None:
    assert state_after(JobStatus.CANCELLED, words) is JobStatus.CANCELLED
    assert state_after(JobStatus.CANCELLED, [*words, JobStatus.PENDING]) is JobStatus.PENDING


def test_a_worker_that_did_not_know_of_the_pause_does_not_undo_it() -> None:
    told = [JobStatus.PROCESSING, JobStatus.PAUSED, JobStatus.PROCESSING]
    assert state_after(JobStatus.QUEUED, told) is JobStatus.PAUSED


def test_the_refusal_names_the_job_its_state_and_what_may_follow() -> None:
    with pytest.raises(IllegalTransition, match="job a is completed: expected to make it queued, got paused"):
        checked("a", JobStatus.COMPLETED, JobStatus.PAUSED)
