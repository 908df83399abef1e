"""The recipe solves what it can, says honestly what it cannot, and always has an answer to show."""

from dataclasses import replace

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import JaxsolveError
from jaxsolve.ordering import SEEDS
from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import Assembly, demo_puzzle, padded, sha256_of
from jaxsolve.run import OutOfTime, Progress, Run
from jaxsolve.search import SEARCHES, Descent, begin
from jaxsolve.solver import Attempt, Config, solve
from jaxsolve.solver.config import NONE
from jaxsolve.solver.hypothesis import Hypothesis
from jaxsolve.solver.initial import first_start
from tests import reference


@pytest.fixture(scope="module")
def demo():
    return demo_puzzle()


def test_the_demo_is_solved_and_proven(demo):
    solution = solve(demo)
    assert solution.status == "solved"
    assert repr(solution) == f"Solution(solved,\n  {solution.puzzle!r},\n  {solution.certificate!r})"
    assert solution.certificate.sha256 == demo.expected_sha256 == sha256_of(solution.certificate.permutation)
    assert solution.certificate.exact
    assert solution.message.startswith("Solved: all 2000 predictions are reproduced")
    assert reference.loss(demo, *demo.assembly(solution.certificate.permutation), rows=3) < 1e-10
    assert solution.certificate.neighbour is not None
    assert solution.certificate.neighbour.gap > 1e-3


def test_the_answer_does_not_need_the_hash_nor_the_names_nor_the_order_of_rows(demo):
    rng = np.random.default_rng(0)
    label = rng.permutation(1000)[: 2 * demo.blocks + 1]
    rows = rng.permutation(demo.rows)
    ins, outs = np.argsort(label[demo.in_ids]), np.argsort(label[demo.out_ids])
    other = demo.replace(
        expected_sha256=None, x=demo.x[rows], y=demo.y[rows], last_id=int(label[demo.last_id]),
        in_ids=label[demo.in_ids][ins], w_in=demo.w_in[ins], b_in=demo.b_in[ins],
        out_ids=label[demo.out_ids][outs], w_out=demo.w_out[outs], b_out=demo.b_out[outs],
    )  # fmt: skip
    solution = solve(other)
    assert solution.status == "solved"
    back = {int(new): old for old, new in enumerate(label)}
    assert sha256_of([back[piece] for piece in solution.certificate.permutation]) == demo.expected_sha256


@pytest.mark.parametrize(("n", "d", "h"), [(1, 4, 6), (2, 4, 6), (3, 6, 4)])
def test_small_untrained_networks_are_solved_from_the_data_alone(n, d, h):
    puzzle, answer = reference.random_puzzle(50 + n, n=n, d=d, h=h, rows=60)
    solution = solve(puzzle, Config(budget=60))
    assert solution.status == "solved"
    assert solution.certificate.permutation == puzzle.permutation(answer)


@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_other_activations(activation):
    puzzle, answer = reference.random_puzzle(60, n=3, rows=60, activation=activation)
    solution = solve(puzzle, Config(budget=60))
    assert solution.certificate.permutation == puzzle.permutation(answer)


def test_the_same_seed_takes_the_same_way():
    puzzle, _ = reference.random_puzzle(70, n=4, rows=40)
    ways = [[(r.neighbourhood, r.moves, r.loss) for r in solve(puzzle, Config(seed=3)).rounds] for _ in range(2)]
    assert ways[0] == ways[1]


def test_named_methods_are_used_and_a_dead_end_is_admitted(demo):
    wrong = demo.replace(expected_sha256=None, y=demo.y[::-1].copy())
    solution = solve(wrong, Config("trace", "w_out_l1", "bubble", rows=100))
    assert solution.status == "unsolved"
    attempt = solution.attempt
    assert (attempt.pairing.name, attempt.order_seed, attempt.search) == ("trace", "w_out_l1", "bubble")
    assert attempt.problem.rows == 100
    assert "every way allowed was tried" in solution.message


def test_a_short_budget_still_has_an_answer(demo):
    wrong = demo.replace(y=demo.y[::-1].copy())
    solution = solve(wrong, Config(budget=1.0))
    assert solution.status == "unsolved"
    assert sorted(solution.certificate.permutation) == list(range(33))
    assert "Not solved in the budget" in solution.message


def test_what_ends_before_there_is_an_order_has_no_answer_and_says_what_it_has(demo):
    solution = solve(demo, Config(budget=1e-9))
    assert solution.status == "unsolved"
    assert solution.certificate is solution.attempt is None
    assert repr(solution).endswith("\n  None)")
    assert "before there was a whole network; 16 pairs by " in solution.message
    assert solution.message.endswith("certain, but no order.")


def interrupted_in(phase: str, times: int) -> Run:
    """A run whose user loses patience at the n-th news from a phase."""
    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if progress.phase == phase and [p.phase for p in seen].count(phase) == times:
            raise KeyboardInterrupt

    return Run(watch=watch)


@pytest.mark.parametrize(("phase", "times"), [("search", 1), ("search", 9)])
def test_an_interrupt_keeps_the_best_answer(demo, phase, times):
    solution = solve(demo.replace(y=demo.y[::-1].copy()), run=interrupted_in(phase, times))
    assert solution.status == "interrupted"
    assert sorted(solution.certificate.permutation) == list(range(33))
    assert solution.message.startswith("Interrupted after ")


@pytest.mark.parametrize(("phase", "times"), [("pair", 1), ("seed", 1)])
def test_an_interrupt_before_the_first_order_has_no_answer(demo, phase, times):
    solution = solve(demo, run=interrupted_in(phase, times))
    assert solution.status == "interrupted"
    assert solution.certificate is None
    assert "before there was a whole network" in solution.message


def test_rounds_are_judged_on_all_rows_where_asked(demo):
    solution = solve(demo, Config(trace=True))
    assert solution.rounds[-1].mse == pytest.approx(solution.certificate.mse)
    assert solve(demo).rounds[-1].mse is None


def test_a_wrong_expected_hash_is_not_called_solved(demo):
    solution = solve(demo, Config(sha256="0" * 64, budget=3))
    assert solution.status == "unsolved"
    assert solution.certificate.exact
    assert "the SHA-256 is NOT the expected one" in solution.message


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"pairing": "nonsense"}, "no pairing 'nonsense'"),
        ({"order_seed": "nonsense"}, "no order seed 'nonsense'"),
        ({"search": "nonsense"}, "no search 'nonsense'"),
        ({"rows": 0}, "rows is 0"),
        ({"budget": 0.0}, "budget is 0"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"rows": 2.5}, "rows is 2.5"),
        ({"sha256": "zz"}, "'zz' is no SHA-256"),
    ],
)
def test_what_cannot_be_run_is_refused(demo, config, why):
    with pytest.raises(JaxsolveError, match=why):
        solve(demo, Config(**config))


def test_one_block_that_does_not_fit_ends_at_once():
    puzzle, _ = reference.random_puzzle(52, n=1, rows=20)
    solution = solve(puzzle.replace(y=puzzle.y[::-1].copy()), Config(budget=100))
    assert solution.status == "unsolved"
    assert "every way allowed was tried" in solution.message


def test_a_run_that_is_told_to_stop_keeps_its_answer(demo):
    run = Run()
    run.stop()
    solution = solve(demo, run=run)
    assert solution.status in ("interrupted", "solved")


def test_every_method_is_registered_under_a_plain_name():
    for registry in (PAIRINGS, SEEDS, SEARCHES):
        assert all(name.isidentifier() and name.islower() for name in registry)


def test_as_many_decoys_of_either_kind_are_left_out():
    puzzle = demo_puzzle()
    rng = np.random.default_rng(3)
    shuffled = lambda half: rng.permuted(half.ravel()).reshape(1, *half.shape)
    more = puzzle.replace(
        w_in=np.concatenate([puzzle.w_in, shuffled(puzzle.w_in[0])]),
        b_in=np.concatenate([puzzle.b_in, puzzle.b_in[:1]]),
        in_ids=np.append(puzzle.in_ids, 100),
        w_out=np.concatenate([puzzle.w_out, shuffled(puzzle.w_out[0])]),
        b_out=np.concatenate([puzzle.b_out, puzzle.b_out[:1]]),
        out_ids=np.append(puzzle.out_ids, 101),
    )
    solution = solve(more, Config(budget=120))
    assert solution.status == "solved"
    assert solution.certificate.sha256 == puzzle.expected_sha256
    assert sorted(solution.unused) == [100, 101]


def test_the_best_of_what_was_only_sounded_is_not_lost(monkeypatch):
    puzzle, answer = reference.random_puzzle(9, n=5)
    problem, pairing = engine.to_device(puzzle, None), first_start(puzzle, Config()).pairing
    orders = [[4, 3, 2, 1, 0], [1, 0, 2, 3, 4], [3, 4, 2, 0, 1]]
    some = [Assembly(answer.ins[order], answer.outs[order]) for order in orders]
    losses = [reference.loss(puzzle, *one) for one in some]
    left = iter(some)

    def advance(self):
        one = next(left, None)
        if one is None:
            raise OutOfTime
        descent = begin(problem, one, self.run)
        self.attempts.append(Attempt(self.puzzle, pairing, "relaxation", NONE, problem, descent, one, 1.0))
        return self.attempts[-1]

    monkeypatch.setattr(Hypothesis, "advance", advance)
    solution = solve(puzzle)
    assert solution.status == "unsolved"
    best = some[int(np.argmin(losses))]
    np.testing.assert_array_equal(solution.certificate.permutation, puzzle.permutation(best))


def test_a_given_answer_is_begun_with(demo):
    answer = demo.assembly(solve(demo).certificate.permutation)
    order = np.arange(demo.blocks)
    order[[3, 9]] = [9, 3]
    solution = solve(demo, start=Assembly(answer.ins[order], answer.outs[order]))
    assert solution.status == "solved"
    assert (solution.attempt.order_seed, solution.attempt.search) == ("given", "joint_shortlisted")


def test_an_option_that_nothing_has_is_refused(demo):
    with pytest.raises(
        JaxsolveError, match=r"policy has no option 'policy.nonsense'.* [iI]t has .*certain, .*patience"
    ):
        solve(demo, Config(options={"policy.nonsense": 1}))


def test_a_hypothesis_whose_best_answer_was_read_anew_with_null_halves_goes_on_with_its_own():
    puzzle, answer = reference.random_puzzle(7, n=4, rows=300)
    hypothesis = Hypothesis(puzzle, Config(), Run())
    while hypothesis.advance() is not None and not hypothesis.exhausted:
        pass
    wide = padded(puzzle, 1)
    left_out = wide.assembly(puzzle.permutation(answer))
    own = hypothesis.attempts[0]
    hypothesis.attempts.append(replace(own, puzzle=wide, descent=Descent(left_out, 0.0), mse=0.0))
    assert hypothesis.best.puzzle is wide
    site = hypothesis._all_blocks()
    assert site.puzzle is puzzle
    assert site.setting.starts.ins.max() < puzzle.blocks
