"""The famous puzzle: the published figures digit for digit, and the published hash.

Park (2026), https://arxiv.org/abs/2602.19845, tables 2 and 3 and sections 3 and 4. Figures of the paper that
differ are noted where they are used.
"""

import json
import zipfile

import numpy as np
import pytest

from jaxsolve.ordering import Paired, seed_order
from jaxsolve.pairing import PAIRINGS, pair
from jaxsolve.puzzle import Puzzle, mean_squared_error, read_puzzle, sha256_of, write_puzzle
from jaxsolve.run import Run
from jaxsolve.search import begin, descend
from jaxsolve.solver import Config, solve
from tests.cli.test_commands import call
from tests.conftest import REAL_SHA256

# rounds as (moves, mean squared error over all rows)
TABLE_2 = [
    (23, 0.021690), (20, 0.012919), (21, 0.008559), (15, 0.005873), (11, 0.004097), (9, 0.002745), (12, 0.001012),
    (5, 0.000380), (2, 0.000247), (1, 0.000182), (1, 0.000118), (1, 0.000052), (1, 0.000000),
]  # fmt: skip
TABLE_3 = [(30, 0.005936), (16, 0.003397), (12, 0.001405), (9, 0.000568), (4, 0.000223), (1, 0.000000)]


@pytest.fixture(scope="module")
def paired(real_puzzle) -> Paired:
    partner = pair(real_puzzle, "diagonal_dominance").partner.astype(np.int32)
    return Paired(real_puzzle.first_rows(2000), partner, Run())


def right_and_wrong(puzzle: Puzzle, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    right = np.zeros(scores.shape, bool)
    right[np.arange(len(scores)), pair(puzzle, "trace").partner] = True
    return scores[right], scores[~right]


def test_diagonal_dominance_separates_as_published(real_puzzle):
    # the paper's text has 1.76 to 3.28; its code prints 3.232
    right, wrong = right_and_wrong(real_puzzle, PAIRINGS["diagonal_dominance"](real_puzzle))
    assert (right.min().round(3), right.max().round(3)) == (1.764, 3.232)
    assert (wrong.min().round(3), wrong.max().round(3)) == (0.000, 0.584)


def test_traces_of_the_right_pairs(real_puzzle):
    right, _ = right_and_wrong(real_puzzle, -PAIRINGS["trace"](real_puzzle))
    assert (right.min().round(2), right.max().round(2)) == (-13.49, -7.37)


@pytest.mark.parametrize("name", ["trace", "diagonal_dominance", "readout_trace"])
def test_three_scores_settle_every_pair(real_puzzle, name):
    pairing = pair(real_puzzle, name)
    assert (pairing.certain, pairing.argmax_differences) == (48, 0)
    assert (pairing.partner == pair(real_puzzle, "trace").partner).all()


def test_the_command_prints_table_2(real_path):
    asked = ("--order-seed", "delta_norm", "--search", "bubble", "--rows", 2000)
    result = call("solve", real_path, *asked, "--json", "--no-record")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert [(done["moves"], round(done["mse"], 6)) for done in report["rounds"]] == TABLE_2
    assert round(report["seed_mse"], 6) == 0.036794
    assert report["status"] == "solved"
    assert report["sha256"] == REAL_SHA256


def test_table_3(real_puzzle):
    solution = solve(real_puzzle, Config(order_seed="w_out_frobenius", search="bubble", rows=2000))
    rounds = [(done.moves, round(mean_squared_error(real_puzzle, done.assembly), 6)) for done in solution.rounds]
    assert rounds == TABLE_3
    assert solution.status == "solved"
    assert solution.certificate.sha256 == REAL_SHA256


@pytest.mark.parametrize(
    ("order_seed", "mse", "moves"), [("bradley_terry", 0.002989, [15, 6, 4, 2]), ("delta_greedy", 0.000288, [5])]
)
def test_bubble_repair_from_better_seeds(real_puzzle, paired, order_seed, mse, moves):
    # the paper's table 1 prints 21, 7, 5, 3, 1 after Bradley-Terry, which nobody has reproduced
    start = paired.assembly(seed_order(paired, order_seed))
    assert round(mean_squared_error(real_puzzle, start), 6) == mse
    descent = begin(paired.problem, start, paired.run)
    descend(paired.problem, descent, "bubble", paired.run)
    assert [done.moves for done in descent.rounds] == moves
    assert sha256_of(real_puzzle.permutation(descent.assembly)) == REAL_SHA256


def test_the_recipe_proves_the_answer(real_puzzle):
    solution = solve(real_puzzle, Config(sha256=REAL_SHA256))
    assert solution.status == "solved"
    assert solution.certificate.exact
    assert solution.certificate.mse < 1e-13
    assert solution.certificate.neighbour is not None
    assert solution.certificate.neighbour.mse == pytest.approx(4.24e-5, rel=0.01)


def test_zipped_renamed_and_shuffled_it_is_solved_all_the_same(real_path, real_puzzle, tmp_path):
    archive = tmp_path / "historical_data_and_pieces.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(real_path.rglob("*")):
            if file.is_file():
                target.write(file, f"historical_data_and_pieces/{file.relative_to(real_path)}")
    assert solve(read_puzzle(archive)).certificate.sha256 == REAL_SHA256

    rng = np.random.default_rng(1)
    label, rows = rng.permutation(97), rng.permutation(real_puzzle.rows)
    ins, outs = np.argsort(label[real_puzzle.in_ids]), np.argsort(label[real_puzzle.out_ids])
    renamed = real_puzzle.replace(
        x=real_puzzle.x[rows], y=real_puzzle.y[rows], label=None, last_id=int(label[real_puzzle.last_id]),
        in_ids=label[real_puzzle.in_ids][ins], w_in=real_puzzle.w_in[ins], b_in=real_puzzle.b_in[ins],
        out_ids=label[real_puzzle.out_ids][outs], w_out=real_puzzle.w_out[outs], b_out=real_puzzle.b_out[outs],
    )  # fmt: skip
    write_puzzle(renamed, tmp_path / "renamed")
    solution = solve(read_puzzle(tmp_path / "renamed"))
    assert solution.status == "solved"
    back = np.argsort(label)
    assert sha256_of(back[solution.certificate.permutation].tolist()) == REAL_SHA256
