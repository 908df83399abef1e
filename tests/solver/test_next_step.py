"""What comes next after a run: the first rule that its facts speak for, with a command that can be pasted."""

import dataclasses
import shlex

import numpy as np
import pytest
import typer

from jaxsolve.cli.app import app
from jaxsolve.puzzle import demo_puzzle
from jaxsolve.run import Run
from jaxsolve.solver import Config, solve
from jaxsolve.solver.facts import Facts
from jaxsolve.solver.next_step import RULES, Weights, fall, next_step

STUCK = Facts("unsolved", puzzle="p.zip", share=0.4, rows=512, table_rows=512, seconds=300.0, budget=300.0)
"""A run that has spent its budget, whose error has not fallen for long, and of which nothing else is known."""
FALLING = ((1.0, 0.9), (150.0, 0.6), (290.0, 0.4))
"""Seconds and shares of a run that was still getting further."""


def told(**known):
    step = next_step(dataclasses.replace(STUCK, **known))
    assert step is not None
    return step


@pytest.mark.parametrize("status", ["solved", "identified", "accepted"])
def test_after_a_run_that_ended_well_there_is_nothing_to_do(status):
    assert next_step(dataclasses.replace(STUCK, status=status, falls=FALLING)) is None


def test_too_few_rows_are_said_with_how_many_it_takes():
    step = told(status="unidentifiable", table_rows=1, needed_rows=40, falls=FALLING)
    assert "the table has 1 row, and telling all answers apart takes 40 different ones" in step.why
    assert step.command == ""
    assert str(step) == step.why


def test_another_hash_is_left_out():
    step = told(other_hash=True, said=(("--link", "sigmoid"), ("--sha256", "ab" * 32), ("--exact",)))
    assert step.command == "jaxsolve solve p.zip --link sigmoid --exact"
    assert told(other_hash=True).command == ""


def test_a_missing_piece_comes_before_more_time():
    step = told(missing=("position 3 cannot be filled",), falls=FALLING)
    assert step.why.startswith("position 3 cannot be filled: add the piece")


def test_runs_of_a_sweep_that_are_left_are_gone_on_with():
    step = told(command="sweep", config="grid.toml", left=2, resume="out dir", said=(("--best", "3"),))
    assert step.why == "2 runs of the sweep are left"
    assert shlex.split(step.command) == ["jaxsolve", "sweep", "p.zip", "grid.toml", "--best", "3", "--out", "out dir"]


def test_without_memory_half_of_the_rows_are_taken():
    assert told(status="out_of_memory").command == "jaxsolve solve p.zip --rows 256"


@pytest.mark.parametrize("status", ["interrupted", "lost"])
def test_what_was_stopped_goes_on(status):
    assert told(status=status, resume="solve-p").command == "jaxsolve solve p.zip --resume solve-p"


def test_a_neighbour_that_is_better_is_where_to_begin():
    step = told(command="verify", answer="a.json", share=0.2, neighbour=1e-14)
    assert "from 0.2 to 1e-14 of the variance" in step.why
    assert step.command == "jaxsolve solve p.zip --start a.json"
    assert "single move" not in told(command="verify", answer="a.json", share=0.2, neighbour=0.199).why


def test_rows_that_are_fitted_too_well_are_too_few():
    step = told(compared=0.1, table_rows=10_000, answer="run-1")
    assert "leaves 0.1 of the variance on the 512 rows that were compared, and 0.4 on all" in step.why
    assert step.command == "jaxsolve solve p.zip --start run-1 --rows 2048"
    assert told(compared=0.1, table_rows=600).command.endswith("--rows 600")
    assert "too few" not in told(compared=0.3, table_rows=10_000).why


def test_an_error_that_was_still_falling_is_given_time_by_how_much():
    step = told(falls=((1.0, 0.9), (150.0, 0.9), (290.0, 0.4)), resume="solve-p")
    assert step.why == "the error was still falling, by 56% in the last third of the time"
    assert step.command == "jaxsolve solve p.zip --resume solve-p --budget 900"
    assert told(falls=FALLING, said=(("--budget", "300"),)).command == "jaxsolve solve p.zip --budget 900"
    assert "first answer" in told(falls=((280.0, 0.4),)).why


def test_of_a_run_that_goes_on_only_its_own_time_counts():
    facts = dataclasses.replace(STUCK, falls=((240.0, 0.5), (250.0, 0.4)), began=230.0)
    assert fall(facts) == 0
    assert fall(dataclasses.replace(facts, began=0.0)) == 1
    assert fall(dataclasses.replace(facts, falls=FALLING, began=0.0, ended=True)) == 0


def test_another_activation_that_fits_nearly_as_well_is_named_with_both_errors():
    readings = {"relu": 0.03, "gelu": 0.034, "tanh": 0.4}
    step = told(share=0.03, readings=readings)
    assert step.why == "gelu fits nearly as well: it leaves 0.034 of the variance, relu 0.03"
    assert step.command == "jaxsolve solve p.zip --activation gelu"
    assert "gelu" not in told(share=0.03, readings=readings, activation_given=True).why
    assert "gelu" not in told(share=0.9, readings={"relu": 0.9, "gelu": 0.91}).why
    assert "gelu" not in told(share=0.03, readings={"relu": 0.03, "gelu": 0.3}).why


def test_a_table_that_looks_like_a_link_is_read_so_unless_the_answer_says_otherwise():
    hint = ("all predictions lie between 0 and 1: if the network ended in a sigmoid", "--link sigmoid")
    assert told(hints=(hint,)).command == "jaxsolve solve p.zip --link sigmoid"
    assert "sigmoid" not in told(hints=(hint,), share=0.05, answer="a").command


def test_a_near_answer_is_begun_with():
    step = told(share=0.05, answer="run-1")
    assert step.command == "jaxsolve search p.zip --start run-1 --method reannealing,iterated --rows all"
    assert told(share=0.05, answer="run-1", command="search").command == "jaxsolve solve p.zip --start run-1"


def test_blocks_that_an_answer_is_better_without_may_be_decoys():
    step = told(command="search", superfluous=2, spare=1, answer="run-1")
    assert "better without 2 blocks" in step.why
    assert "--start run-1 --spare 3 --method elimination,relaxation,reannealing" in step.command


def test_options_that_kept_a_run_from_other_ways_are_left_out():
    fixed = (("--pairing", "trace"),)
    step = told(fixed=fixed, said=(*fixed, ("--link", "tanh")))
    assert step.why == "--pairing trace kept the run from all other ways"
    assert step.command == "jaxsolve solve p.zip --link tanh"
    assert told(activation_given=True, share=0.8, said=(("--activation", "relu"),)).command == "jaxsolve solve p.zip"


def test_a_search_by_methods_ends_at_solve():
    step = told(command="search", ended=True, said=(("--method", "beam"), ("--activation", "gelu")))
    assert step.command == "jaxsolve solve p.zip --activation gelu"


def test_a_short_budget_is_raised_and_what_fits_nothing_is_looked_at():
    assert told(budget=10.0, seconds=10.0).command == "jaxsolve solve p.zip --budget 300"
    assert told(share=1.1).command == "jaxsolve inspect p.zip"
    assert told(share=None).why.startswith("there is no answer")


def test_a_budget_that_was_short_is_not_said_again():
    said = (("--budget", "20"),)
    assert (
        told(share=0.05, answer="r", command="search", budget=20.0, said=said).command
        == "jaxsolve solve p.zip --start r"
    )
    long = told(share=0.05, answer="r", command="search", budget=900.0, said=(("--budget", "900"),))
    assert long.command == "jaxsolve solve p.zip --budget 900 --start r"


def test_at_last_more_rows_are_compared_or_all_begins_anew():
    assert told(table_rows=4000, answer="r").command == "jaxsolve solve p.zip --start r --rows 2048"
    assert told(seed=4, said=(("--seed", "4"),)).command == "jaxsolve solve p.zip --seed 5"


def test_the_last_rule_always_has_something_to_say():
    for facts in (
        STUCK,
        Facts("unsolved"),
        Facts("out_of_time", command="search"),
        Facts("unsolved", command="verify"),
    ):
        assert RULES[-1](facts, Weights()) is not None
        assert next_step(facts) is not None


@pytest.mark.parametrize(
    "known",
    [
        {"falls": FALLING, "resume": "r"},
        {"share": 0.05, "answer": "r"},
        {"compared": 0.01, "table_rows": 9000, "answer": "1,2"},
        {"share": 0.03, "readings": {"relu": 0.03, "gelu": 0.03}},
        {"superfluous": 1},
        {"share": 2.0},
        {"command": "sweep", "config": "g.toml", "left": 3, "resume": "d"},
        {"command": "verify", "answer": "a", "other_hash": True, "said": (("--sha256", "a"),)},
    ],
    ids=str,
)
def test_commands_are_ones_that_the_command_line_takes(known):
    words = shlex.split(told(**known).command)
    group = typer.main.get_command(app)
    command = group.commands[words[1]]  # pyright: ignore[reportAttributeAccessIssue]
    assert command.make_context(words[1], words[2:], resilient_parsing=False).params


def test_a_solution_says_it_too():
    puzzle = demo_puzzle()
    wrong = puzzle.replace(y=np.ascontiguousarray(puzzle.y[::-1]), expected_sha256=None)
    run = Run(budget=300.0)
    run.watch = lambda progress: run.stop() if progress.evaluations > 200 else None
    found = solve(wrong, Config(search="bubble", order_seed="random", pairing="trace", rows=64), run)
    assert found.next_step is not None
    assert found.next_step.why
    facts = found.facts()
    assert facts.share == pytest.approx(1 - found.certificate.r2)
    assert facts.falls == tuple(sorted(facts.falls))
    assert [share for _, share in facts.falls] == sorted((share for _, share in facts.falls), reverse=True)
    assert solve(puzzle, Config()).next_step is None
