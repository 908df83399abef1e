"""Host: which LayerNorm or RMSNorm stands before which first half, by their weights.

A layer behind a norm has as many degrees of freedom too many as there are features: what a feature is scaled by, and
how much of it the layer weighs, come to the same. Gradient flow therefore conserves, feature by feature, the squared
scale of the norm less the squared weights of that feature (Du, Hu & Lee 2018, https://arxiv.org/abs/1806.00900,
theorem 2.1): where one has grown, the other has. Adam keeps to that well enough.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing.assignment import assign
from jaxsolve.puzzle import Assembly, Puzzle, error_of
from jaxsolve.puzzle.norm_pieces import with_norms

Scores = NDArray[np.float64]


def norm_scores(puzzle: Puzzle) -> tuple[Scores, list[int], list[int]]:
    """Return how well each norm fits each first half, and the readout behind them, and the ids of either.

    It is the correlation over features of the squared scale and the squared weights, both without their means over all
    norms and all layers.
    """
    normed = puzzle.given.normed
    assert normed is not None
    places = [int(piece) for piece in puzzle.in_ids] + [puzzle.last_id] * normed.last
    scales = np.stack([norm.scale**2 for norm in normed.norms])
    weights = np.stack([(normed.raw[place][0] ** 2).sum(axis=0) for place in places])
    if normed.gates is not None:  # they see the same norm
        weights[: len(puzzle.in_ids)] += (normed.gates.weight**2).sum(axis=1)
    weights /= np.maximum(weights.mean(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    sides = []
    for table in (scales, weights):
        away = table - table.mean(axis=0)
        away -= away.mean(axis=1, keepdims=True)
        size = np.linalg.norm(away, axis=1, keepdims=True)
        sides.append(np.divide(away, size, out=np.zeros_like(away), where=size > 0))
    return sides[0] @ sides[1].T, [norm.id for norm in normed.norms], places


def placed(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle whose norms without running statistics stand where their weights fit best; else itself."""
    normed = puzzle.given.normed
    if normed is None or normed.before or normed.running:
        return puzzle
    scores, norms, places = norm_scores(puzzle)
    before = {places[k]: norm for norm, k in zip(norms, assign(scores).tolist(), strict=True)}
    return with_norms(puzzle, before, active=False)


def replaced(puzzle: Puzzle, assembly: Assembly, *, rows: int = 1000) -> Puzzle | None:
    """Return a puzzle whose norms change places as long as that makes an answer better; None: it does not.

    Parameters
    ----------
    puzzle
        A puzzle with norms in their places, not padded.
    assembly
        The answer.
    rows
        Rows that tell.
    """
    normed = puzzle.given.normed
    if normed is None or not normed.before or normed.running or puzzle.padded:
        return None
    few, places = puzzle.first_rows(rows), [*normed.before]
    best, lowest, better = few, error_of(few, assembly), False
    improved = True
    while improved:
        improved = False
        for a in range(len(places)):
            for b in range(a):
                assert best.given.normed is not None
                before = dict(best.given.normed.before)
                before[places[a]], before[places[b]] = before[places[b]], before[places[a]]
                other = with_norms(best, before, active=False)
                error = error_of(other, assembly)
                if error < lowest * (1 - 1e-6):  # less is rounding
                    best, lowest, better, improved = other, error, True, True
    assert best.given.normed is not None
    return with_norms(puzzle, best.given.normed.before, active=False) if better else None
