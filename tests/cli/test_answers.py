"""What is kept of an answer while a run lasts."""

import json

import numpy as np

from jaxsolve.cli.answers import AnswerFolder
from jaxsolve.cli.solve import _keeping
from jaxsolve.puzzle import Assembly, demo_puzzle, padded
from jaxsolve.run import Run


def test_a_best_answer_that_leaves_pieces_out_is_kept_as_well(tmp_path):
    puzzle = demo_puzzle()
    wide, run, answers = padded(puzzle, 1), Run(), AnswerFolder(tmp_path)
    run.watch = _keeping(lambda progress: None, run, answers, puzzle)
    ins, outs = np.arange(wide.blocks, dtype=np.int32), np.arange(wide.blocks, dtype=np.int32)
    outs[[0, -1]] = outs[[-1, 0]]  # first half 0 and second half 0 run with null halves
    run.found(Assembly(ins, outs), 1.0)
    run.spend(0)
    (kept,) = tmp_path.glob("best-so-far-*.json")
    permutation = json.loads(kept.read_text())["permutation"]
    assert len(permutation) == 2 * (puzzle.blocks - 1) + 1
    assert puzzle.in_ids[0] not in permutation
    assert puzzle.out_ids[0] not in permutation
