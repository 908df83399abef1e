"""Host: a pair score that learns from the pairs themselves what right pairs have in common.

What training leaves in the products M = W_out W_in of right pairs differs from net to net: how much of the identity,
of the readout's direction, of the directions in which the inputs tell something about the predictions. Each is a
statistic of all pairs, and so is how what they would add varies with what is not linear in the inputs. Right pairs are
taken for draws around one mean of the statistics, all others for draws around another, of equal spread: then odds are
linear in the statistics, and means are averages over the posterior of all matchings (`matching`), by turns. A single
matching, however good, would not do: the best of any noise stands out, and what is learned from it confirms it. Where
it is known how deep blocks lie, the means of right pairs vary with it: training leaves more in some depths than others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing.matching import Matching, Messages, matching
from jaxsolve.pairing.scores import Array, Scores, nonlinear_responses, norm_balance, of_pairs, standardised, traces
from jaxsolve.puzzle import Puzzle

BEGINNINGS = {("uu",): (-1.5, 0.0), ("trace", "spread"): (-1.5, 0.0), ("be", "ue"): (1.2, 0.0, -1.2)}
"""Means of right pairs to begin with, in standard deviations: training mostly turns blocks against the readout and
shrinks what they see; without training, only what the data tell is left."""

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of some entries of a score matrix."""


def statistics(puzzle: Puzzle, *, response_rows: int = 4000, outputs: int = 4) -> dict[str, Scores]:
    """Return statistics of the products M = W_out W_in of all pairs, `[N, N]` each.

    Their means over all pairs of either half are taken off: what belongs to one half says nothing about its partner.
    With u the readout's direction, c that of the covariance of inputs and predictions, b that of the predictions'
    slope on the inputs, m that of the mean input and S the inputs' covariance, they are uᵀMu, uᵀMc, uᵀMb, uᵀMm,
    uᵀW_out·b_in, bᵀMb, tr M, tr MS, `norm_balance`, and `probe` along u and along b, by the first `response_rows` rows.
    Of several outputs, what is said of the `outputs` strongest uncorrelated mixtures is added up.
    """
    if puzzle.outputs > 1:
        parts = [_statistics_of_output(one, response_rows) for one in principal_outputs(puzzle, outputs)]
        found = {name: sum((part[name] for part in parts), np.zeros(())) for name in parts[0]}
    else:
        found = _statistics_of_output(puzzle, response_rows)
    centred = puzzle.x - puzzle.x.mean(axis=0)
    found["trace"] = traces(puzzle)
    found["spread"] = traces(puzzle.replace(w_in=puzzle.w_in @ (centred.T @ centred / max(1, puzzle.rows))))
    found["balance"] = norm_balance(puzzle)
    return {name: of_pairs(np.nan_to_num(values)) for name, values in found.items()}


def principal_outputs(puzzle: Puzzle, most: int) -> list[Puzzle]:
    """Return puzzles of one output each: the principal components of several outputs, the strongest first."""
    centred = puzzle.y - puzzle.y.mean(axis=0)
    with np.errstate(all="ignore"):
        mixing = np.linalg.eigh(np.nan_to_num(centred.T @ centred))[1][:, ::-1][:, :most]
    told = puzzle.replace(y=puzzle.y @ mixing, w_last=mixing.T @ puzzle.w_last, b_last=mixing.T @ puzzle.b_last)
    return [told.output(k) for k in range(mixing.shape[1])]


def _statistics_of_output(puzzle: Puzzle, response_rows: int) -> dict[str, Scores]:
    """Return the `statistics` that have to do with the one output of a puzzle."""
    centred, target = puzzle.x - puzzle.x.mean(axis=0), puzzle.y - puzzle.y.mean()
    right = {
        "u": _direction(puzzle.reads[0]),
        "c": _direction(centred.T @ target),
        "b": _direction(np.linalg.lstsq(centred, target)[0]),
        "m": _direction(puzzle.x.mean(axis=0)),
    }
    first = {name: puzzle.w_in @ direction for name, direction in right.items()} | {"1": puzzle.b_in}
    second = {name: right[name] @ puzzle.w_out for name in "ub"}
    found = {f"u{name}": first[name] @ second["u"].T for name in first}
    found["bb"] = first["b"] @ second["b"].T
    (responses,) = nonlinear_responses(puzzle.first_rows(response_rows))
    return found | {f"{name}e": responses @ second[name].T for name in "ub"}


class Learned(NamedTuple):
    """What is learned of pairs from statistics."""

    scores: Scores
    """`[N, M]` logarithm of how much likelier each pair's statistics are if it is right than if it is not."""
    posterior: NDArray[np.float64]
    """`[N, M]` probability of every pair."""
    evidence: float
    """Logarithm of the same for all pairs together; below 0, the statistics say nothing."""


def discriminant(puzzle: Puzzle) -> Scores:
    """Return the log odds of pairs by Fisher's linear discriminant, learned from the pairs that it gives.

    Fisher (1936), https://doi.org/10.1111/j.1469-1809.1936.tb02137.x, by turns with the posterior of all matchings
    (expectation maximisation, Dempster, Laird & Rubin 1977, https://doi.org/10.1111/j.2517-6161.1977.tb01600.x), from
    several beginnings; that for which there is most evidence is returned.
    """
    return learned(puzzle).scores


_LEARNED: "WeakKeyDictionary[Puzzle, Learned]" = WeakKeyDictionary()


def learned(puzzle: Puzzle) -> "Learned":
    """Return what the `discriminant` learns of pairs: once for each puzzle, for other scores begin with it."""
    if puzzle not in _LEARNED:
        _LEARNED[puzzle] = Discriminant().best(statistics(puzzle))
    return _LEARNED[puzzle]


@dataclass(frozen=True)
class Discriminant:
    """A linear discriminant that is learned by turns with the posterior of all matchings."""

    shrinkage: float = 0.3
    """Variance added to the 1 of each statistic: few right pairs do not tell how statistics of equal meaning differ."""
    rounds: int = 60
    """Most times that means and posterior are learned from each other."""
    tolerance: float = 1e-3
    """Change of every probability below which they have settled."""
    match: Callable[[Scores, Messages], Matching] | None = None
    """What gives the posterior, by who may be paired with whom; None: `matching`, first with second halves."""

    def best(self, known: dict[str, Scores]) -> Learned:
        """Return what the `statistics` give from that of the `BEGINNINGS` for which there is most evidence."""
        table = _table(known)
        precision, found = self._precision(table), list[Learned]()
        for means in product(*BEGINNINGS.values()):
            given = {name: mean for names, mean in zip(BEGINNINGS, means, strict=True) for name in names}
            if any(means):
                beginning = np.array([given.get(name, 0.0) for name in _used(known)])
                found.append(self._settled(table, precision, beginning, None))
        return max(found, key=lambda one: one.evidence)

    def learned_from(
        self, known: dict[str, Scores], posterior: NDArray[np.float64], near: NDArray[np.float64] | None = None
    ) -> Learned:
        """Return what `statistics` say of pairs, learned by turns from a posterior, `[N, M]`, on.

        With `near`, `[N, N]`, the means of right pairs are those of each first half: how much the pair of another
        counts for them.
        """
        table = _table(known)
        return self._settled(table, self._precision(table), _means(table, posterior, near), near)

    def _settled(
        self,
        table: NDArray[np.float64],
        precision: NDArray[np.floating],
        means: NDArray[np.float64],
        near: NDArray[np.float64] | None,
    ) -> Learned:
        """Return what is learned by turns from means, `[K]` or `[N, K]`, on, where the posterior has settled."""
        messages: Messages = ()

        def by(means: NDArray[np.float64]) -> Learned:
            nonlocal messages
            of_each = np.broadcast_to(means @ precision, (len(table), table.shape[2]))
            scores = (table @ of_each[..., None])[..., 0] - 0.5 * (of_each * means).sum(axis=1, keepdims=True)
            posterior, evidence, messages = (self.match or matching)(scores, messages)
            return Learned(scores, posterior, evidence)

        found = by(means)
        for _ in range(self.rounds - 1):
            posterior = found.posterior
            found = by(_means(table, posterior, near))
            if np.abs(found.posterior - posterior).max(initial=0.0) < self.tolerance:
                break
        return found

    def _precision(self, table: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return the inverse of the covariance of statistics over all pairs, `[K, K]`, shrunk."""
        flat = table.reshape(-1, table.shape[2])
        return np.linalg.inv(flat.T @ flat / max(1, len(flat)) + self.shrinkage * np.eye(table.shape[2]))


def _means(
    table: NDArray[np.float64], posterior: NDArray[np.float64], near: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the means of statistics, `[N, M, K]`, over a posterior, `[K]`; with `near`, `[N, K]`."""
    own, count = np.einsum("nm,nmk->nk", posterior, table), posterior.sum(axis=1)
    if near is None:
        return own.sum(axis=0) / max(1.0, count.sum())
    return near @ own / np.maximum(near @ count, np.finfo(np.float64).tiny)[:, None]


def assigned(scores: Scores) -> Pairs:
    """Return the pairs with the largest total score; as many as the shorter side has."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(scores, maximize=True)


def _used(known: dict[str, Scores]) -> list[str]:
    """Return the names of the statistics that tell pairs."""
    return [name for name in known if name != "bb"]


def _table(known: dict[str, Scores]) -> NDArray[np.float64]:
    """Return standardised statistics, `[N, M, K]`."""
    return np.stack([standardised(known[name]) for name in _used(known)], axis=-1)


def _direction(vector: Array) -> Array:
    size = np.linalg.norm(vector)
    return vector / size if 0 < size < np.inf else np.zeros_like(vector)
