"""Time is booked once, to the phase it was spent in, and watchers hear of every step."""

import time

import pytest

from jaxsolve.run import OutOfTime, Progress, Run


def test_phases_are_exclusive_and_add_up():
    run = Run()
    with run.phase("search"):
        time.sleep(0.02)
        with run.phase("certify"):
            time.sleep(0.03)
        time.sleep(0.01)
    assert run.seconds["certify"] >= 0.03
    assert run.seconds["search"] >= 0.03
    assert sum(run.seconds.values()) <= run.elapsed


def test_watchers_hear_of_phases_and_evaluations():
    heard: list[Progress] = []
    run = Run(watch=heard.append)
    with run.phase("seed"):
        run.spend(3)
    run.spend(2)
    assert [(p.phase, p.evaluations) for p in heard] == [("seed", 0), ("seed", 3), ("read", 5)]


def test_a_budget_counts_from_the_start():
    run = Run(budget=10, started=time.perf_counter() - 11)
    with pytest.raises(OutOfTime):
        run.spend(1)
    assert run.evaluations == 0
