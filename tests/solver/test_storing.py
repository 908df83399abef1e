"""A run of the solver that was killed goes on from wherever it was kept, as if nothing had happened."""

import numpy as np
import pytest

from jaxsolve.errors import UsageError
from jaxsolve.puzzle import demo_puzzle, predict
from jaxsolve.run import OutOfTime, Run, load_checkpoint, save_checkpoint
from jaxsolve.solver import Config, solve
from jaxsolve.solver.hypothesis import Hypothesis
from tests import reference
from tests.solver.test_scales import dropped

N = 6


def puzzle_of(activation="tanh", affine=False, seed=60, n=N):
    """A puzzle whose activation nobody has said, and whose answer the weights do not give away."""
    puzzle, answer = reference.random_puzzle(seed, n=n, rows=2, activation=activation)
    x = np.random.default_rng(seed).normal(size=(300, puzzle.features))
    puzzle = puzzle.replace(x=x, y=np.zeros(300))
    y = predict(puzzle, answer)
    puzzle = puzzle.replace(y=reference.single(37.5 * y + 120 if affine else y))
    return puzzle.replace(activation="relu", activation_given=False, link_given=not affine)


def end_of(solution):
    """All that a run has come to, but for how long it took."""
    rounds = [(one.neighbourhood, one.moves, one.loss, one.evaluations) for one in solution.rounds]
    attempt = solution.attempt
    came = attempt.order_seed, attempt.search, attempt.start_loss, attempt.problem.rows, attempt.descent.loss
    ends = solution.status, solution.certificate.permutation, solution.certificate.mse, solution.readings
    return ends, came, rounds, solution.run.evaluations, solution.puzzle.units, solution.exchanged, solution.moved


def attempts(most):
    """A run that ends at the so many-th attempt."""

    class Patient(Run):
        left = most

        def begin(self, label, start=None, loss=float("inf")):
            if label.pairing:  # an answer that is read anew begins twice
                self.left -= 1
                if self.left < 0:
                    raise OutOfTime
            super().begin(label, start, loss)

    return Patient()


@pytest.mark.parametrize("affine", [False, True])
def test_it_ends_as_if_it_had_not_been_killed(tmp_path, affine):
    puzzle, places = puzzle_of(affine=affine), []

    def keep(stored):
        folder = tmp_path / str(len(places))
        places.append((folder, run.left))
        folder.mkdir()
        save_checkpoint(folder, *stored)

    config, run = Config(seed=3), attempts(8)
    whole = solve(puzzle, config, run, keep=keep)
    assert len(places) > 4
    for k in (0, len(places) - 2):
        folder, left = places[k]
        again = solve(puzzle, config, attempts(left), resume=load_checkpoint(folder))
        assert end_of(again) == end_of(whole), f"killed after attempt {k + 1}"


@pytest.mark.parametrize("pairing", ["none", "trace"])
def test_whatever_the_pairs_come_from(tmp_path, pairing):
    puzzle, kept = demo_puzzle().first_rows(60), []
    puzzle = puzzle.replace(y=puzzle.y[::-1].copy(), expected_sha256=None)
    options = {"restarts.growing_work": 20, "restarts.iterated_steps": 2, "restarts.annealing_steps": 256}
    config = Config(pairing, options=options | {"relaxation.steps": 2, "reannealing.chunks": 1})
    whole = solve(puzzle, config, attempts(5), keep=kept.append)
    for k in (1, len(kept) - 2):
        save_checkpoint(tmp_path, *kept[k])
        again = solve(puzzle, config, attempts(4 - k), resume=load_checkpoint(tmp_path))
        assert end_of(again) == end_of(whole)


@pytest.mark.parametrize("asked", [{}, {"policy.bad": 1e9, "policy.clearly": 1.0}])
def test_while_a_scale_of_the_blocks_is_found(tmp_path, asked):
    puzzle, kept = dropped("0.3*relu")[0], []
    noise = np.random.default_rng(0).normal(scale=0.3 * puzzle.y.std(), size=puzzle.rows)
    puzzle, config = puzzle.replace(y=puzzle.y + noise, link_given=True), Config(options=asked)
    run = attempts(4)
    whole = solve(puzzle, config, run, keep=lambda stored: kept.append((stored, run.left)))
    found = [bool(meta["portfolio"]["starts"]) for (meta, _), _ in kept]
    scaled = [len(meta["hypotheses"]) > 1 for (meta, _), _ in kept]
    assert any(found) == bool(asked), "asked for, it is found with first orders, and else with mixtures"
    assert any(scaled)
    stored, left = kept[scaled.index(True)]
    save_checkpoint(tmp_path, *stored)
    again = solve(puzzle, config, attempts(left), resume=load_checkpoint(tmp_path))
    assert end_of(again) == end_of(whole)


@pytest.mark.parametrize(
    ("asked", "key", "name"),
    [
        ({}, "error", "probe_beam"),
        (
            {"beams.known": 0.0, "initial.believed": 0.5, "attempts.deep": 2, "relaxation.last_rounds": 1},
            "all",
            "rollout_beam",
        ),
    ],
)
def test_while_networks_grow(tmp_path, asked, key, name):
    puzzle, kept = reference.random_puzzle(9, n=4, rows=60)[0], []
    puzzle = puzzle.replace(y=puzzle.y[::-1].copy(), link_given=True)
    few = {"beams.after": 0, "beams.width": 3, "beams.rows": 50, "beams.least_width": 1, "attempts.pairings": 1}
    few |= {"beams.line_rows": 50, "beams.line_width": 3}
    options = few | {"relaxation.steps": 1, "relaxation.patience": 1, "reannealing.chunks": 1}
    config = Config(options=options | asked)
    whole = solve(puzzle, config, attempts(12), keep=kept.append)
    sites = [one[0]["hypotheses"][0]["sites"] for one in kept]
    begun = next(k for k, of in enumerate(sites) if key in of and of[key]["arm"]["name"] == name)
    grown = kept[begun:]
    for one in (grown[0], grown[-2]):
        save_checkpoint(tmp_path, *one)
        done = len(one[0]["hypotheses"][0]["attempts"])
        again = solve(puzzle, config, attempts(12 - done), resume=load_checkpoint(tmp_path))
        assert end_of(again) == end_of(whole)


@pytest.mark.parametrize(("deep", "known", "kept_for_a_cycle"), [(4, 0.0, True), (5, 0.0, False), (4, 2.0, False)])
def test_pairs_that_are_nearly_certain_are_kept_for_a_cycle_of_deep_nets(monkeypatch, deep, known, kept_for_a_cycle):
    monkeypatch.setattr(Hypothesis, "_known_pairs", property(lambda self: False))
    puzzle, kept = reference.random_puzzle(9, n=4, rows=60)[0], []
    puzzle = puzzle.replace(y=puzzle.y[::-1].copy(), link_given=True)
    about = {"attempts.deep": deep, "attempts.pairings": 1, "beams.known": known, "initial.believed": 0.5}
    config = Config(options=about | {"relaxation.steps": 1, "relaxation.patience": 1})
    solve(puzzle, config, attempts(4), keep=kept.append)
    options = kept[-1][0]["hypotheses"][0]["sites"]["all"]["options"]["relaxation"]
    assert options["from_line"]
    assert options.get("known_cycles") == (1 if kept_for_a_cycle else None)
    assert options["known_pairs"] == kept_for_a_cycle


def test_it_still_begins_with_the_answer_that_it_was_given(tmp_path):
    puzzle, kept, config, run = puzzle_of().replace(activation_given=True), [], Config(seed=3), attempts(4)
    start = puzzle.assembly(solve(puzzle, config, attempts(1)).certificate.permutation)
    whole = solve(puzzle, config, run, start=start, keep=lambda stored: kept.append((stored, run.left)))
    stored, left = kept[0]
    assert stored[0]["hypotheses"][0]["attempts"][0]["order_seed"] == "given"
    save_checkpoint(tmp_path, *stored)
    again = solve(puzzle, config, attempts(left), resume=load_checkpoint(tmp_path))
    assert end_of(again) == end_of(whole)


@pytest.fixture(scope="module")
def kept():
    stored = []
    solve(puzzle_of(), Config(seed=3), attempts(8), keep=stored.append)
    return [one for one in stored if one[0]["hypotheses"][0]["attempts"]][-1]


def test_what_belongs_to_something_else_is_refused(kept):
    with pytest.raises(UsageError, match="belongs to another puzzle"):
        solve(puzzle_of(seed=61), Config(seed=3), resume=kept)
    with pytest.raises(UsageError, match="seed is 4; the run was begun with 3"):
        solve(puzzle_of(), Config(seed=4), resume=kept)
    with pytest.raises(UsageError, match="no stored run of the solver"):
        solve(puzzle_of(), Config(seed=3), resume=({"puzzle": kept[0]["puzzle"]}, {}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fits", 3), ("fits", [["relu", 1.0]]), ("refits", "x"), ("weighed", None), ("portfolio", {}),
        ("portfolio", {"stage": "first", "visit": {"nonsense": 1}, "waiting": []}), ("hypotheses", []),
        ("hypotheses", [{}]), ("evaluations", float("inf")), ("seconds", float("nan")), ("seconds", []),
    ],
    ids=str,
)  # fmt: skip
def test_stored_descriptions_that_are_none_are_refused(kept, key, value):
    meta, arrays = kept
    with pytest.raises(UsageError, match="this is no stored run"):
        solve(puzzle_of(), Config(seed=3), resume=(meta | {key: value}, arrays))


@pytest.mark.parametrize("damage", [lambda a: a[:0], lambda a: a + 1, lambda a: a.astype(float), lambda a: a[None]])
def test_stored_assemblies_that_are_none_are_refused(kept, damage):
    meta, arrays = kept
    name = "hypotheses.0.attempts.0.end.ins"
    with pytest.raises(UsageError, match="this is no stored run"):
        solve(puzzle_of(), Config(seed=3), resume=(meta, arrays | {name: damage(arrays[name])}))
