"""Host: blocks in the order in which BatchNorms have seen their states.

A BatchNorm remembers the mean and the variance of each feature of the states that it was given in training. Rows like
those trained on have the same statistics at the same depth: of what every pair of halves would make of the states so
far, the right pair's comes closest to what one of the norms that are left remembers. The moments of all second halves
behind a first half follow from those of its hidden units; no state of the next layer is formed.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, read_as
from jaxsolve.puzzle.norm_pieces import with_norms
from jaxsolve.puzzle.padding import usual_forms

Array = NDArray[np.float64]


class Walk(NamedTuple):
    """A way through all blocks."""

    away: float
    """How far statistics are from what norms remember, the mean over features, summed over the norms."""
    halves: tuple[tuple[int, int], ...]
    """Ids of first and second halves in the order they run."""
    before: dict[int, int]
    """Ids of norms by those of first halves, and of the readout."""


def walked(puzzle: Puzzle, *, rows: int = 2000) -> Puzzle:
    """Return a puzzle whose norms, if they are pieces of their own, stand where the states are most like them.

    Nobody having said the activation, it is the one under which they are most alike.

    Parameters
    ----------
    puzzle
        A puzzle, not padded; one without norms, or with norms in their places, is returned as it is.
    rows
        Rows whose statistics are compared, at most.
    """
    if puzzle.given.normed is None or puzzle.given.normed.before or not puzzle.given.normed.running:
        return puzzle
    few = puzzle.first_rows(rows)
    names, found = usual_forms(puzzle), None
    name = puzzle.activation
    with np.errstate(all="ignore"):
        for other in names[:1] if puzzle.activation_given else names:
            nearer = walk(read_as(few, other), np.inf if found is None else found.away)
            found, name = (nearer, other) if nearer is not None else (found, name)
    best = found or _anyhow(puzzle)
    placed = []
    for active in (True, False) if puzzle.given.normed.last else (True,):
        one = with_norms(read_as(puzzle, name), best.before, active=active)
        assert one.given.normed is not None
        one = one.replace(given=replace(one.given, normed=replace(one.given.normed, walk=best.halves)))
        placed.append(one)
    error = lambda one: mean_squared_error(one.first_rows(rows), assembly_along(one, best.halves))
    return min(placed, key=lambda one: np.nan_to_num(error(one), nan=np.inf))


def assembly_along(puzzle: Puzzle, halves: tuple[tuple[int, int], ...]) -> Assembly:
    """Return the assembly that runs pairs of halves, by their ids, in an order."""
    row = [{int(piece): k for k, piece in enumerate(ids)} for ids in (puzzle.in_ids, puzzle.out_ids)]
    ins, outs = (np.array([row[side][pair[side]] for pair in halves], np.int32) for side in (0, 1))
    return Assembly(ins, outs)


def walk(puzzle: Puzzle, bound: float = np.inf) -> Walk | None:
    """Return the way on which, block by block, the statistics of the states are nearest to a norm that is left.

    None: they are farther from the norms than a bound.
    """
    normed = puzzle.given.normed
    assert normed is not None
    network, h = Network(puzzle, puzzle.activation), puzzle.x
    means, variances = (np.stack([getattr(norm, name) for norm in normed.norms]) for name in ("mean", "variance"))
    variances = np.maximum(variances, 1e-12)  # of features that never vary

    def away(mean: Array, variance: Array, left: list[int]) -> Array:
        """Return how far statistics `[*B, D]` are from those of norms, `[*B, M]`."""
        mean, variance = mean[..., None, :], np.maximum(variance, 1e-12)[..., None, :]
        apart = (mean - means[left]) ** 2 / variances[left] + (0.5 * np.log(variance / variances[left])) ** 2
        return np.nan_to_num(apart.mean(axis=-1), nan=np.inf, posinf=np.inf)

    left = list(range(len(means)))
    ins, outs = list(range(len(puzzle.in_ids))), list(range(len(puzzle.out_ids)))
    known = away(h.mean(axis=0), h.var(axis=0), left)
    total, norm = float(known.min()), left.pop(int(known.argmin()))
    before, halves = dict[int, int](), list[tuple[int, int]]()
    while ins:
        seen = h * normed.norms[norm].scale + normed.norms[norm].shift
        units = network.hidden(seen, ins)
        choices = []
        for k, i in enumerate(ins):
            mean, variance = _moments(network, h, units[:, k], outs)
            apart = away(mean, variance, left) if left else np.zeros((len(outs), 1))
            j, m = np.unravel_index(int(apart.argmin()), apart.shape)
            choices.append((float(apart[j, m]), i, outs[j], left[m] if left else norm))
        apart, i, j, after = min(choices)
        if not left:  # no norm remembers what comes last
            i, j = _last(puzzle, network, h, units, ins, outs)
        h = h + network.second(units[:, ins.index(i)], j)
        before[int(puzzle.in_ids[i])] = normed.norms[norm].id
        halves.append((int(puzzle.in_ids[i]), int(puzzle.out_ids[j])))
        ins.remove(i)
        outs.remove(j)
        if left:
            left.remove(after)
            norm, total = after, total + apart
        if not total < bound:
            return None
    if normed.last:
        before[puzzle.last_id] = normed.norms[norm].id
    return Walk(total, tuple(halves), before)


def _anyhow(puzzle: Puzzle) -> Walk:
    """Return the way in the order of ids, where no statistics are defined."""
    normed = puzzle.given.normed
    assert normed is not None
    halves = tuple(zip(puzzle.in_ids.tolist(), puzzle.out_ids.tolist(), strict=True))
    firsts = [*puzzle.in_ids.tolist(), puzzle.last_id]
    return Walk(np.inf, halves, dict(zip(firsts, (norm.id for norm in normed.norms), strict=False)))


def _moments(network: Network, h: Array, units: Array, outs: list[int]) -> tuple[Array, Array]:
    """Return means and variances of the states behind a first half and each of some second ones, `[J, D]`."""
    centred, mean = units - units.mean(axis=0), h.mean(axis=0)
    weights = network.w_out[outs]
    among, cross = centred.T @ centred / len(h), centred.T @ (h - mean) / len(h)
    variance = h.var(axis=0) + 2 * np.einsum("jdh,hd->jd", weights, cross)
    variance += np.einsum("jdh,jdh->jd", weights @ among, weights)
    return mean + weights @ units.mean(axis=0) + network.b_out[outs], variance


def _last(puzzle: Puzzle, network: Network, h: Array, units: Array, ins: list[int], outs: list[int]) -> tuple[int, int]:
    """Return the pair of halves behind which the readout is nearest to the predictions."""
    losses = {
        (i, j): float(np.mean(network.readout_errors(h + network.second(units[:, k], j), puzzle.y) ** 2))
        for k, i in enumerate(ins)
        for j in outs
    }
    return min(losses, key=lambda pair: np.nan_to_num(losses[pair], nan=np.inf))
