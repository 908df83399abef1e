"""Answers under noise, with pieces too many or too few, and with others as good."""

from types import SimpleNamespace

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.architecture import form_of
from jaxsolve.certificate import certify, reachable, twins, weigh, with_neighbour
from jaxsolve.puzzle import Assembly, demo_puzzle, padded, predict, running
from jaxsolve.puzzle.padding import multiplied
from jaxsolve.run import Run
from jaxsolve.search import Descent
from jaxsolve.solver import Attempt, Config, solve
from jaxsolve.solver.acceptance import Acceptance, Judge, concluded, gaps, with_evidence
from jaxsolve.solver.portfolio import Policy, Portfolio
from tests.reference import single

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def demo():
    puzzle = demo_puzzle()
    answer = puzzle.assembly(solve(puzzle).certificate.permutation)
    return puzzle.replace(expected_sha256=None), answer


def noisy(puzzle, sigma):
    return puzzle.replace(y=single(puzzle.y + sigma * RNG(0).normal(size=puzzle.rows)))


def without(puzzle, ins=(), outs=()):
    """The puzzle without some of its halves, by their rows."""
    kept = [np.setdiff1d(np.arange(puzzle.blocks), rows) for rows in (ins, outs)]
    return padded(
        puzzle.replace(
            w_in=puzzle.w_in[kept[0]], b_in=puzzle.b_in[kept[0]], in_ids=puzzle.in_ids[kept[0]],
            w_out=puzzle.w_out[kept[1]], b_out=puzzle.b_out[kept[1]], out_ids=puzzle.out_ids[kept[1]],
        )
    )  # fmt: skip


@pytest.mark.parametrize("sigma", [0.001, 0.01])
def test_noise_is_found_and_said(demo, sigma):
    puzzle, answer = demo
    solution = solve(noisy(puzzle, sigma), Config(budget=60))
    assert solution.status == "solved"
    assert not solution.certificate.exact
    assert solution.certificate.permutation == puzzle.permutation(answer)
    assert solution.certificate.evidence.noise == pytest.approx(sigma, rel=0.1)
    assert solution.message.startswith("Solved: all 2000 predictions are reproduced to a noise floor of 0.0")


def test_rounding_is_an_end_of_its_own(demo):
    puzzle, answer = demo
    rounded = puzzle.replace(y=single(puzzle.y.round(3)))
    assert reachable(rounded, answer) == pytest.approx(1.25e-6 / 12)
    solution, exact = solve(rounded, Config(budget=60)), solve(puzzle)
    assert solution.status == "solved"
    assert solution.certificate.permutation == puzzle.permutation(answer)
    assert "reproduced to their rounding to 3 decimals" in solution.message
    assert solution.run.evaluations <= 2 * exact.run.evaluations


def test_a_wrong_answer_is_not_called_noise(demo):
    puzzle, answer = demo
    wrong = Assembly(*(half.copy() for half in answer))
    for half in wrong:
        half[[4, 9]] = half[[9, 4]]
    puzzle = noisy(puzzle, 0.01)
    certificate = with_evidence(puzzle, certify(puzzle, wrong))
    assert not certificate.solved
    assert "is not shown to be noise" in certificate.sentence
    shuffled = puzzle.replace(y=puzzle.y[::-1].copy())
    solution = solve(shuffled, Config("trace", "w_out_l1", "bubble", budget=60))
    assert solution.status == "unsolved"
    assert "of the variance" in solution.message


def test_decoys_are_left_out_and_named(demo):
    puzzle, answer = demo
    more = padded(
        puzzle.replace(
            w_in=np.concatenate([puzzle.w_in, 0.2 * RNG(1).normal(size=puzzle.w_in[:2].shape)]),
            b_in=np.concatenate([puzzle.b_in, puzzle.b_in[:2]]),
            in_ids=np.concatenate([puzzle.in_ids, [101, 102]]),
        )
    )
    solution = solve(more, Config(budget=60))
    assert solution.status == "solved"
    assert solution.unused == [101, 102]
    assert solution.certificate.permutation == puzzle.permutation(answer)
    assert "pieces 101, 102 belong to no block" in solution.message
    assert solution.certificate.neighbour.mse > 1e-6
    assert solution.certificate.evidence is None


def test_a_missing_half_leaves_a_gap_that_is_named(demo):
    puzzle, answer = demo
    row = int(answer.outs[6])
    fewer = without(puzzle, outs=[row])
    ids = puzzle.permutation(answer)
    certificate = certify(fewer, fewer.assembly(ids[:12] + ids[14:]))
    (gap,) = gaps(fewer, certificate)
    assert gap.piece == ids[12]
    assert 6 in gap.likely
    solution = solve(fewer, Config(budget=8))
    assert solution.status == "unsolved"
    assert [gap.piece for gap in solution.missing] == solution.unused
    assert solution.certificate.evidence is not None
    if solution.unfilled:
        assert "cannot be filled" in solution.message
        assert "the best answer without what is missing" in solution.message


def test_the_neighbour_of_a_padded_answer_runs_other_blocks(demo):
    puzzle, answer = demo
    ids = puzzle.permutation(answer)
    own = with_neighbour(puzzle, certify(puzzle, answer))
    more = padded(puzzle, 3)
    silent = with_neighbour(more, certify(more, more.assembly(ids)))
    assert silent.neighbour.mse == pytest.approx(own.neighbour.mse)
    evidence = weigh(padded(noisy(puzzle, 0.01), 3), more.assembly(ids))
    assert evidence.is_noise
    assert not evidence.alike
    assert running(more, ids)[0].blocks == puzzle.blocks


def test_equal_blocks_are_reported_for_exact_answers_too(demo):
    puzzle, answer = demo
    tables = {name: getattr(puzzle, name).copy() for name in ("w_out", "b_out")}
    for table in tables.values():
        table[answer.outs[8]] = table[answer.outs[3]]
    same = puzzle.replace(**tables)
    same = same.replace(y=predict(same, answer))
    assert twins(same)
    assert not twins(puzzle)
    certificate = concluded(same, certify(same, answer), in_time=True)
    (rival,) = certificate.evidence.alike
    assert (rival.kind, rival.positions) == ("second halves exchanged", (3, 8))
    assert "cannot be told from it" in certificate.sentence
    assert concluded(same, certify(same, answer), in_time=False).evidence.alike, (
        "what is called solved lists its equals"
    )
    expected = certify(same, rival.assembly).sha256
    found = with_evidence(same, certify(same, answer, expected_sha256=expected))
    assert found.solved
    assert found.permutation == same.permutation(rival.assembly)


def test_an_answer_is_read_anew_until_no_activation_fits_it_better(monkeypatch):
    class Attempt:
        search = "shortlisted"

        def __init__(self, name, mse):
            self.name, self.mse = name, mse

        def announce(self, run):
            pass

    class Hypothesis:
        def __init__(self, *attempt):
            self.attempts = [Attempt(*attempt)]
            self.mse, self.best = self.attempts[0].mse, self.attempts[0]

    relu, gelu, tanh_gelu = Hypothesis("relu", 0.05), Hypothesis("gelu", 1e-7), Hypothesis("gelu_tanh", 1e-14)
    following, searched = {relu: gelu, gelu: tanh_gelu}, []
    monkeypatch.setattr(Judge, "_reread", lambda self, hypothesis, _: following.get(hypothesis))
    monkeypatch.setattr(Judge, "_other_units", lambda *_: False)
    monkeypatch.setattr(Judge, "_owner", lambda self, hypothesis, _: hypothesis)
    found = lambda self, attempt: searched.append(attempt.name) or attempt.name == "gelu_tanh"
    monkeypatch.setattr(Judge, "_search", found)
    judge = Judge(Config(), Run(), None)
    assert judge.settles(relu, relu.attempts[0])
    assert searched == ["relu", "gelu", "gelu_tanh"]
    searched.clear()
    relu.attempts[0].search = "none"
    assert not judge.settles(relu, relu.attempts[0])
    assert searched == [], "what was only sounded is neither searched from nor judged"


def test_the_numbers_of_acceptance_are_options():
    judge = Judge(Config(options={"acceptance.refits": 3}), Run(), None)
    assert (judge.numbers.refits, judge.numbers.followed) == (3, Acceptance().followed)


@pytest.mark.parametrize("spare", [0, 1])
def test_other_units_begin_with_an_answer_only_if_it_runs_the_puzzles_own_blocks(demo, spare):
    puzzle, answer = demo
    moved = puzzle.replace(y=single(3 * puzzle.y + 5))
    wide = padded(moved, spare) if spare else moved
    assembly = wide.assembly(puzzle.permutation(answer))
    problem = engine.to_device(wide, 500)
    attempt = Attempt(wide, None, "given", "descent", problem, Descent(assembly, 1.0), assembly, 1.0)
    attempt.mse = float(np.mean((predict(wide, assembly) - wide.y) ** 2))
    judge = Judge(Config(), Run(), Portfolio(Policy(), None, [SimpleNamespace(puzzle=moved)]))
    assert judge._other_units(attempt)
    assert judge.refit.slope == pytest.approx(3, rel=1e-3)
    assert (judge.given is None) == bool(spare)


@pytest.mark.parametrize(("scale", "left", "seen"), [(0.95, 1e-4, True), (0.95, 0.1, False), (0.7, 0.1, True)])
def test_a_scale_that_wrong_orders_may_feign_has_to_leave_all_but_nothing(demo, scale, left, seen):
    puzzle, answer = demo
    target = predict(multiplied(puzzle, scale), answer)
    missed = target - predict(puzzle, answer)
    noise = RNG(0).normal(size=puzzle.rows) * np.sqrt(left * np.mean(missed**2))
    told = puzzle.replace(y=single(target + noise), activation_given=False)
    problem = engine.to_device(told, 500)
    attempt = Attempt(told, None, "given", "descent", problem, Descent(answer, 1.0), answer, 1.0)
    attempt.mse = float(np.mean(missed**2))
    name = Judge(Config(options={"acceptance.akin": 1e9}), Run(), None)._other_scale(attempt)
    assert (name is not None) == seen
    if name is not None:
        assert form_of(name).scale == pytest.approx(scale, rel=0.05)
