"""Where nobody says what the activation is, the data do."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jaxsolve.puzzle import demo_puzzle, padded, predict, read_as, read_puzzle, unpadded, write_puzzle
from jaxsolve.run import Run
from jaxsolve.search import Descent
from jaxsolve.solver import Attempt, Config, first_start, rank_activations, solve
from jaxsolve.solver.guess import guess_activation
from jaxsolve.solver.portfolio import Policy, Portfolio
from tests import reference


def given(activation, n=3, rows=300, seed=60):
    """A puzzle read as relu of which nobody says that it is, and its answer."""
    puzzle, answer = reference.random_puzzle(seed, n=n, rows=2, activation=activation)
    x = np.random.default_rng(seed).normal(size=(rows, puzzle.features))
    puzzle = puzzle.replace(x=x, y=np.zeros(rows))
    puzzle = puzzle.replace(y=predict(puzzle, answer).astype(np.float32).astype(np.float64))
    return puzzle.replace(activation="relu", activation_given=False), answer


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh", "tanh", "silu"])
def test_the_answer_ranks_its_own_activation_first(activation):
    puzzle, answer = given(activation)
    (name, mse), (_, second), *_ = rank_activations(puzzle, [answer])
    assert name == activation
    assert mse < 1e-12
    assert second > 1e-9
    assert rank_activations(puzzle, [answer], rows=100)[0][0] == activation


@pytest.mark.parametrize("activation", ["gelu_tanh", "tanh"])
def test_it_is_found_while_solving(activation):
    puzzle, answer = given(activation)
    solution = solve(puzzle, Config(budget=60))
    assert solution.status == "solved"
    assert solution.puzzle.activation == activation
    assert solution.certificate.permutation == puzzle.permutation(answer)
    assert all(mse > 1e-9 for name, mse in solution.readings.items() if name != activation)


def test_what_is_read_rightly_costs_nothing():
    solution = solve(demo_puzzle().replace(activation_given=False))
    assert solution.status == "solved"
    assert list(solution.readings) == ["relu"]


def test_what_was_said_is_believed():
    puzzle, _ = given("tanh", n=2)
    solution = solve(puzzle.replace(activation_given=True), Config("trace", "w_out_l1", "bubble", budget=20))
    assert solution.status == "unsolved"
    assert list(solution.readings) == ["relu"]


def test_noise_hides_which_gelu_it_is():
    puzzle, _ = given("gelu", rows=1200)
    noise = np.random.default_rng(0).normal(size=puzzle.rows)
    solution = solve(puzzle.replace(y=puzzle.y + 0.01 * noise), Config(budget=60))
    assert solution.status == "solved"
    assert {solution.puzzle.activation, *solution.alike_activations} == {"gelu", "gelu_tanh"}


INF = np.inf


class Scripted:
    """A hypothesis whose attempts come to these errors, mixtures' errors and falls."""

    def __init__(self, puzzle, script, like, beams=0):
        self.puzzle, self.config, self.attempts, self.evaluations = puzzle, Config(), [], 0
        self._left, self._like, self._beams = iter(script.get(puzzle.activation, [])), like, beams

    mse = property(lambda self: min((one.mse for one in self.attempts), default=INF))
    promise = property(lambda self: min((one.promise for one in self.attempts), default=INF))

    follows = property(lambda self: 0 < len(self.attempts) < self._beams)

    def advance(self):
        following = next(self._left, None)
        if following is None:
            return None
        mse, relaxed_loss, improving = following
        search = "shortlisted" if mse < INF else "none"
        like = replace(self._like, puzzle=self.puzzle)
        self.attempts.append(replace(like, mse=mse, relaxed_loss=relaxed_loss, improving=improving, search=search))
        return self.attempts[-1]


def portfolio_of(script, made_with="relu", line="none", beams=0):
    puzzle, answer = given(made_with)
    puzzle = read_as(puzzle, "relu")
    start = first_start(puzzle, Config())
    like = Attempt(puzzle, start.pairing, line, "shortlisted", None, Descent(answer, 1.0), answer, 1.0)
    opened = lambda puzzle, start: Scripted(puzzle, script, like, beams)
    return Portfolio(Policy(), opened, [opened(puzzle, None)], start.assemblies)


def turns_of(portfolio, most=16):
    """The activations of attempts, one after the other."""
    turns = []
    while len(turns) < most and (hypothesis := portfolio.select()) is not None:
        attempt = hypothesis.advance()
        if attempt is None:
            portfolio.exhausted()
            continue
        portfolio.prepare(hypothesis, attempt)
        hypothesis.evaluations += 100
        turns.append(hypothesis.puzzle.activation)
        portfolio.update(hypothesis, attempt)
    return turns


def scripted(script, made_with="relu", line="none"):
    return turns_of(portfolio_of(script, made_with, line))


def test_an_activation_is_kept_while_the_error_of_its_mixtures_falls():
    falling = [(0.5, INF, None), (0.5, 0.03, True), (0.45, 0.02, True), (0.4, 0.01, True), (0.3, 0.01, False)]
    turns = scripted(dict.fromkeys(["relu", "gelu", "silu", "tanh", "gelu_tanh"], falling))
    assert turns[:5] == ["relu"] * 5
    assert set(turns[5:11]) == {"gelu", "silu", "tanh"}, "two attempts each, gelu_tanh where gelu has come far"


@pytest.mark.parametrize(("activation", "first"), [("tanh", "tanh"), ("silu", "silu"), ("relu", "relu")])
def test_where_a_line_fits_another_clearly_better_that_is_tried_at_once(activation, first):
    falling = [(0.5, INF, None), (0.5, 0.03, True), (0.45, 0.02, True), (0.4, 0.01, True), (0.3, 0.01, False)]
    script = dict.fromkeys(["relu", "gelu", "silu", "tanh", "gelu_tanh"], falling)
    turns = scripted(script, activation, "seriation")
    assert turns[:2] == ["relu", first]


@pytest.mark.parametrize(
    ("made_with", "read", "another"), [("tanh", "relu", True), ("tanh", "tanh", False), ("gelu", "gelu_tanh", False)]
)
def test_the_right_answer_fits_another_activation_better_than_a_wrong_one(made_with, read, another):
    puzzle, answer = given(made_with)
    for y, expected in ((puzzle.y, another), (np.random.default_rng(1).permutation(puzzle.y), False)):
        own = read_as(puzzle, read).replace(y=y)
        attempt = Attempt(own, None, "seriation", "shortlisted", None, Descent(answer, 1.0), answer, 1.0)
        hypothesis = Scripted(own, {}, attempt)
        Portfolio(Policy(), None, [hypothesis]).prepare(hypothesis, attempt)
        assert (attempt.search == "none") == expected, "what fits nothing says nothing"


def test_others_are_sounded_and_the_one_goes_on_whose_mixtures_fit_best():
    stuck = lambda promise: [(0.5, INF, None), (0.49, promise, False), *[(0.48, promise, False)] * 20]
    script = {"relu": stuck(0.13), "gelu": stuck(0.12), "silu": stuck(0.08), "tanh": stuck(0.02)}
    turns = scripted(script)
    assert turns[:3] == ["relu"] * 3
    assert sorted(turns[3:9]) == ["gelu"] * 2 + ["silu"] * 2 + ["tanh"] * 2
    assert turns[9:16] == ["tanh"] * 7, "whatever single assemblies lose"


@pytest.mark.parametrize(("share", "beyond"), [(5e-3, False), (5e-4, True)])
def test_mixtures_that_fit_are_believed_to_the_end_of_their_cycle_or_beyond_it(share, beyond):
    fit = share * float(given("relu")[0].y.var())
    cycle = [(INF, fit, None), (INF, fit, False), (0.4, fit, False)]
    stuck = [(0.5, INF, None), *cycle * 5]
    turns = scripted(dict.fromkeys(["relu", "gelu", "silu", "tanh", "gelu_tanh"], stuck))
    assert turns[:7] == ["relu"] * 7
    assert (turns[7] == "relu") == beyond


def test_a_line_is_followed_to_its_end_before_others_are_tried():
    stuck = [(0.5, INF, None), *[(0.49, 0.13, False)] * 20]
    script = dict.fromkeys(["relu", "gelu", "silu", "tanh"], stuck)
    turns = turns_of(portfolio_of(script, beams=8))
    assert turns[:8] == ["relu"] * 8
    assert turns[8] == turns[9] != "relu", "those are sounded, and follow no line before all were"
    assert turns[10] not in {"relu", turns[8]}


def test_one_that_fits_clearly_better_goes_on_before_others_are_sounded():
    stuck = lambda promise: [(0.5, INF, None), (0.49, promise, False), *[(0.48, promise, False)] * 20]
    falling = [(0.5, INF, None), (INF, 0.02, None), (INF, 0.01, True), (INF, 0.005, True), (0.4, 0.005, False)]
    script = dict.fromkeys(["gelu", "silu", "tanh"], falling) | {"relu": stuck(0.13)}
    turns = scripted(script)
    assert turns[:3] == ["relu"] * 3
    assert turns[3:8] == [turns[3]] * 5, "as long as its error falls"
    assert turns[8:12] == [turns[8]] * 2 + [turns[10]] * 2, "the others are sounded all the same"


def test_under_other_activations_first_orders_are_not_searched_from():
    falling = [(0.5, INF, None), (0.5, 0.03, True), (0.45, 0.02, True)]
    portfolio = portfolio_of(dict.fromkeys(["relu", "gelu", "silu", "tanh"], falling))
    turns_of(portfolio)
    searches = {one.puzzle.activation: one.attempts[0].search for one in portfolio.hypotheses}
    assert searches.pop("relu") == "shortlisted"
    assert len(searches) == 3
    assert {*searches.values()} == {"none"}


def test_every_way_comes_to_its_end():
    script = {name: [(0.5, INF, None)] for name in ("relu", "gelu", "silu", "tanh")}
    assert sorted(scripted(script)) == ["gelu", "relu", "silu", "tanh"]


@pytest.mark.parametrize("after", [1, 3, 4, 7, 10])
def test_a_portfolio_that_is_stored_goes_on_as_if_nothing_had_happened(after):
    stuck = lambda promise: [(0.5, INF, None), (0.49, promise, False), *[(0.48, promise, False)] * 20]
    script = {"relu": stuck(0.13), "gelu": stuck(0.12), "silu": stuck(0.08), "tanh": stuck(0.02)}
    whole, one, again = (portfolio_of(script) for _ in range(3))
    turns = turns_of(one, after)
    for made in one.hypotheses[1:]:
        again.add(made.puzzle.activation)
    for made, copy in zip(one.hypotheses, again.hypotheses, strict=True):
        for _ in made.attempts:
            copy.advance()
        copy.evaluations = made.evaluations
        for attempt, other in zip(made.attempts, copy.attempts, strict=True):
            other.search = attempt.search
    again.restore(json.loads(json.dumps(one.stored())))
    assert turns + turns_of(again, 16 - after) == turns_of(whole)


def test_a_guess_before_a_search():
    puzzle, _ = given("silu")
    ranked = guess_activation(puzzle, Run(60))
    assert ranked[0][0] == "silu"
    assert guess_activation(puzzle, Run(1e-9))[0][0] == "relu"


def test_padded_puzzles_are_read_anew():
    puzzle, answer = given("tanh")
    more = padded(puzzle, 2)
    again = read_as(more, "tanh")
    assert (again.activation, again.blocks, again.in_ids[-1]) == ("tanh", 5, more.in_ids[-1])
    np.testing.assert_array_equal(unpadded(again).b_out, puzzle.b_out)
    whole = again.assembly(puzzle.permutation(answer))
    np.testing.assert_allclose(predict(again, whole), puzzle.y, atol=1e-5)
    assert rank_activations(more, [whole])[0][0] == "tanh"


def test_auto_is_relu_until_it_is_known(tmp_path):
    puzzle, _ = given("tanh", n=2)
    write_puzzle(puzzle, tmp_path / "p")
    auto = read_puzzle(tmp_path / "p", activation="auto")
    assert (auto.activation, auto.activation_given) == ("relu", False)
    assert read_puzzle(tmp_path / "p", activation="tanh").activation_given


def test_a_bad_answer_is_in_doubt_until_every_activation_was_tried():
    puzzle, answer = given("relu")

    def made(share, *names, said=False):
        like = Attempt(puzzle, None, "none", "none", None, Descent(answer, 1.0), answer, 1.0)
        script = {name: [(share * float(puzzle.y.var()), INF, None)] for name in names}
        every = [Scripted(replace(read_as(puzzle, name), activation_given=said), script, like) for name in names]
        for one in every:
            one.advance()
        return Portfolio(Policy(), None, every)

    every = "relu", "tanh", "gelu", "silu"
    assert made(0.03, "relu", "tanh", "gelu_tanh", "silu").in_doubt()
    assert not made(0.03, *every).in_doubt()
    assert not made(0.01, "relu").in_doubt()
    assert not made(0.03, "relu", said=True).in_doubt()


def test_attempts_that_leave_blocks_out_do_not_rank_other_activations():
    puzzle, answer = given("relu")
    script = {"relu": [(0.5, INF, None)] * 20}
    portfolio = portfolio_of(script)
    wide = padded(puzzle, 1)
    left_out = wide.assembly(puzzle.permutation(answer))
    for number in range(16):
        hypothesis = portfolio.select()
        attempt = hypothesis.advance()
        if attempt is None or hypothesis.puzzle.activation != "relu":
            break
        if number == 1:
            hypothesis.attempts[-1] = replace(attempt, puzzle=wide, start=left_out)
        portfolio.update(hypothesis, attempt)
    assert hypothesis.puzzle.activation != "relu", "the others were ranked"
