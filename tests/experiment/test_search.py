"""Joint searches end in a judged answer, whatever happens, and go on from what was kept of them."""

import numpy as np
import pytest

from jaxsolve.errors import JaxsolveError, UsageError
from jaxsolve.experiment import search as joint
from jaxsolve.experiment.search import JointConfig, joint_search
from jaxsolve.pairing import pair
from jaxsolve.puzzle import Assembly, sha256_of
from jaxsolve.run import OutOfTime, Run
from tests import reference

ROWS = 40
BEAM = JointConfig("beam", {"width": 36}, rows=None)


@pytest.fixture(scope="module")
def puzzle():
    return reference.random_puzzle(71, n=3, rows=ROWS)[0]


def wrong(puzzle):
    return puzzle.replace(y=puzzle.y[::-1].copy())


def test_a_beam_that_sees_everything_solves_and_proves(puzzle):
    solution = joint_search(puzzle, BEAM)
    _, answer = reference.random_puzzle(71, n=3, rows=ROWS)
    assert solution.status == "solved"
    assert solution.certificate.permutation == puzzle.permutation(answer)
    assert solution.message.startswith("Solved: all 40 predictions are reproduced to float32 rounding")
    assert repr(solution) == f"JointSolution(solved by beam,\n  {solution.puzzle!r},\n  {solution.certificate!r})"


def test_what_does_not_fit_is_judged_on_all_rows_and_called_unsolved(puzzle):
    solution = joint_search(wrong(puzzle), JointConfig("beam,descent", {"width": 36}, rows=12))
    best = wrong(puzzle).assembly(solution.certificate.permutation)
    assert solution.status == "unsolved"
    assert solution.pipeline.setting.problem.rows == 12
    assert solution.certificate.mse == pytest.approx(reference.loss(wrong(puzzle), *best), rel=1e-9)
    elites = zip(solution.pipeline.elites.ins[:8], solution.pipeline.elites.outs[:8], strict=True)
    assert solution.certificate.mse == pytest.approx(min(reference.loss(wrong(puzzle), *one) for one in elites))
    assert solution.message.startswith("Not solved by beam,descent; best so far: MSE ")


@pytest.mark.parametrize(
    ("error", "status", "begun"),
    [(OutOfTime, "out_of_time", "Not solved in "), (KeyboardInterrupt, "interrupted", "Interrupted")],
)
@pytest.mark.parametrize("after", [0, 10])
def test_what_is_stopped_before_there_is_a_whole_network_has_no_answer(puzzle, error, status, begun, after):
    def watch(progress):
        if progress.evaluations > after and progress.phase == "search":
            raise error

    solution = joint_search(wrong(puzzle), BEAM, Run(budget=9.0, watch=watch))
    assert solution.status == status
    assert solution.certificate is None
    assert solution.message.startswith(begun)
    assert solution.message.endswith(", before there was a whole network.")


def test_it_goes_on_from_what_was_kept(puzzle):
    kept = []
    whole = joint_search(wrong(puzzle), BEAM, keep=kept.append)
    assert len(kept) == 5  # before the first step, after each of three, and at the end
    for stored in kept:
        again = joint_search(wrong(puzzle), BEAM, resume=stored)
        assert again.certificate.permutation == whole.certificate.permutation
        assert again.run.evaluations == whole.run.evaluations
    with pytest.raises(UsageError, match="what is to be resumed belongs to another puzzle than random71"):
        joint_search(puzzle, BEAM, resume=kept[0])
    with pytest.raises(UsageError, match=r"this search was beam \(width 36.*asked for is beam \(width 35"):
        joint_search(wrong(puzzle), JointConfig("beam", {"width": 35}), resume=kept[0])


def test_it_begins_where_it_is_told_to(puzzle):
    _, answer = reference.random_puzzle(71, n=3, rows=ROWS)
    solution = joint_search(puzzle, JointConfig("descent", rows=None), start=answer)
    assert solution.status == "solved"
    other = Assembly(answer.ins[[1, 0, 2]], answer.outs[[1, 0, 2]])
    assert (
        joint_search(puzzle, JointConfig("descent", {"search": "two_opt"}, rows=None), start=other).status == "solved"
    )


def test_given_pairs_are_those_of_the_score(puzzle):
    partner = pair(puzzle, "trace").partner
    solution = joint_search(wrong(puzzle), JointConfig("beam", {"width": 6}, pairing="trace"))
    ins, outs = solution.pipeline.elites[:2]
    np.testing.assert_array_equal(outs, partner[ins])
    assert len(ins) == 6


def test_a_published_hash_decides(puzzle):
    _, answer = reference.random_puzzle(71, n=3, rows=ROWS)
    right = sha256_of(puzzle.permutation(answer))
    for sha256, status in ((right.upper(), "solved"), ("0" * 64, "unsolved")):
        assert joint_search(puzzle, JointConfig("beam", {"width": 36}, rows=None, sha256=sha256)).status == status


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"method": "nonsense"}, "no method 'nonsense'"),
        ({"options": {"nonsense": 1}}, "relaxation and reannealing have no option 'nonsense'"),
        ({"rows": 0}, "rows is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**31}, "seed is 2147483648"),
        ({"pairing": "nonsense"}, "no pairing 'nonsense'"),
        ({"prior": "nonsense"}, "no prior 'nonsense'"),
        ({"sha256": "zz"}, "'zz' is no SHA-256"),
    ],
    ids=str,
)
def test_what_cannot_be_searched_with_is_refused(puzzle, config, why):
    with pytest.raises(JaxsolveError, match=why):
        joint_search(puzzle, JointConfig(**config))


def test_an_overflowing_puzzle_has_an_answer_all_the_same(puzzle):
    blown = puzzle.replace(w_in=puzzle.w_in * 1e30, w_out=puzzle.w_out * 1e30)
    solution = joint_search(blown, BEAM)
    assert solution.status == "unsolved"
    assert sorted(solution.certificate.permutation) == list(range(7))


def test_of_many_finalists_few_are_judged(puzzle, monkeypatch):
    judged = []
    judge = joint.mean_squared_error
    monkeypatch.setattr(joint, "mean_squared_error", lambda *a: judged.append(a) or judge(*a))
    joint_search(wrong(puzzle), BEAM)
    assert len(judged) == 8
