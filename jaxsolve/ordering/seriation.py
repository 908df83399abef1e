"""Host: blocks in a line, each among those that training has made most like it.

Blocks near each other in depth see nearly the same states and nearly the same gradients, so that training adds nearly
the same to them. How like two blocks are falls with how far apart they lie, and the order sought is the one in which it
does so best: seriation (Robinson 1951, https://doi.org/10.2307/276978). Random beginnings hide it: nets that began with
small weights, or were trained with large steps, are put in order by their weights but for a few places; others are not.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.ordering.depth import contraction
from jaxsolve.ordering.paired import Order, Paired

Array = NDArray[np.float64]


class Line(NamedTuple):
    """An order, and how well similarities fall with the distance in it."""

    order: Order
    profiles: Array
    """`[K, N]` similarity at each distance, the mean of what does not rise with it; 0 at none"""
    noise: Array
    """`[K]` variance about that"""
    evidence: float
    """Logarithm of the likelihood, up to a constant"""


def seriation(paired: Paired) -> Order:
    """Put blocks in the line along which similarities fall with the distance, in the direction of `contraction`."""
    return seriate(paired)[0]


def seriate(paired: Paired, *, sweeps: int = 20, power: float = 0.1) -> tuple[Order, float]:
    """Return the order of `seriation`, and how far a block is expected to lie from where it belongs, as a share of N.

    Of two local optima, one from the spectral order and one from that of `contraction`, the better is the order. Every
    block is put where it fits best `sweeps` times at most. The distance is about the Kendall distance to the right
    order where similarities tell it, and 0.1 or more where they do not: it is the mean over all blocks and all places,
    with the likelihood of each place, the others at theirs, to a `power`. That is less than 1 as similarities are not
    independent of each other.
    """
    if paired.blocks < 3:
        return np.arange(paired.blocks, dtype=np.int32), 0.5
    alike = similarities(paired)
    weights = _weights(alike)
    check, along = partial(paired.run.spend, 0), contraction(paired)
    ends = [_refined(alike, weights, order, check, sweeps) for order in (spectral_order(alike), along)]
    best = max(ends, key=lambda line: line.evidence)
    order = best.order
    directed = order if _swapped(order, along) <= 0.5 else np.ascontiguousarray(order[::-1])
    return directed, _expected_distance(alike, weights, best, power)


def _expected_distance(alike: Array, weights: Array, found: Line, power: float) -> float:
    sweep, n = _Sweep.along(alike, weights, found), len(found.order)
    fits = power * np.stack([sweep.fits(now) for now in range(n)])
    likely = np.exp(fits - fits.max(axis=1, keepdims=True))
    return float(np.mean(np.sum(likely * _apart(n), axis=1) / likely.sum(axis=1)) / n)


def _swapped(a: Order, b: Order) -> float:
    """Return the Kendall distance of two orders, the share of twos that they have the other way round."""
    place = np.argsort(b)[a]
    return float(np.mean((place[:, None] > place)[np.triu_indices(len(place), 1)]))


def similarities(paired: Paired, *, at_once: int = 1 << 22) -> Array:
    """Return the cosines between blocks of what training leaves in them, `[K, N, N]`, with 0 for null blocks.

    Compared are, each without its mean over the blocks: what blocks add to the inputs, W_out W_in, uᵀ W_out W_in for
    the readout u, W_out W_outᵀ, W_out b_in and b_out. Of these, `at_once` numbers are compared at a time: of wide
    blocks there are more than fit into memory.
    """
    network, puzzle, partner = paired.network, paired.puzzle, paired.partner
    running = ~(puzzle.null_ins | puzzle.null_outs[partner])
    step = max(1, at_once // (len(partner) * puzzle.features))
    with np.errstate(all="ignore"):
        own = slice(puzzle.given_hidden)  # a padded puzzle has its biases in one more hidden unit
        ins, b_in, outs = network.w_in[:, own], network.b_in[:, own], network.w_out[partner][..., own]
        b_out = network.w_out[partner][..., -1] if puzzle.padded else network.b_out[partner]
        compared: tuple[Iterable[Array], ...] = (
            (np.stack([network.residual(x, k, j) for k, j in enumerate(partner)]) for x in _parts(paired.inputs, step)),
            (part @ ins for part in _parts(outs, step, axis=1)),
            [puzzle.reads.astype(outs.dtype) @ outs @ ins],
            (part @ outs.mT for part in _parts(outs, step, axis=1)),
            [outs @ b_in[..., None]],
            [b_out],
        )
        return np.stack([_cosines(parts, running) for parts in compared])


def _parts(table: NDArray[Any], step: int, axis: int = 0) -> list[NDArray[Any]]:
    return np.split(table, range(step, table.shape[axis], step), axis)


def _cosines(parts: Iterable[NDArray[Any]], running: NDArray[np.bool_]) -> Array:
    """Return the cosines between blocks, `[N, N]`, of what is given of them part by part, without its mean."""
    products = np.zeros((len(running),) * 2)
    for part in parts:
        flat = part.reshape(len(running), -1).astype(np.float64)
        flat = np.where(running[:, None], flat - flat[running].mean(axis=0), 0.0)
        products += flat @ flat.T
    size = np.sqrt(np.diag(products))
    return np.nan_to_num(products / np.outer(size, size))


def spectral_order(alike: Array) -> Order:
    """Return blocks sorted by the Fiedler vector of the graph whose edges are similarities.

    Atkins, Boman & Hendrickson (1998), https://doi.org/10.1137/S0097539795285771.
    """
    edges = np.maximum(alike, 0).sum(axis=0)
    np.fill_diagonal(edges, 0)
    _, vectors = np.linalg.eigh(np.diag(edges.sum(axis=1)) - edges)
    return vectors[:, 1].argsort(kind="stable").astype(np.int32)


def line(alike: Array, weights: Array, order: Order, *, least_noise: float = 1e-6) -> Line:
    """Return how well similarities `[K, N, N]` fall with the distance in an order.

    `least_noise` is the variance of similarities about their profiles, at least.
    """
    from scipy.optimize import isotonic_regression  # slow to import, and nothing that is certain needs it

    n = len(order)
    apart = _apart(n)
    counts = np.bincount(apart.ravel())[1:]
    profiles, noise = np.zeros((len(alike), n)), np.zeros(len(alike))
    for k, one in enumerate(alike):
        seen = one[np.ix_(order, order)]
        means = np.bincount(apart.ravel(), seen.ravel())[1:] / counts
        profiles[k, 1:] = isotonic_regression(means, weights=counts, increasing=False).x
        away = seen - profiles[k][apart]
        np.fill_diagonal(away, 0)
        noise[k] = max(least_noise, np.sum(away**2) / (n * (n - 1)))
    evidence = -0.5 * n * (n - 1) / 2 * float(weights @ np.log(noise))
    return Line(order, profiles, noise, evidence)


def _weights(alike: Array) -> Array:
    """Return how much each similarity counts: less where it is of few numbers, which say the same of many pairs.

    It is twice the share of the blocks that its effective rank is (the participation ratio of the eigenvalues), 1 at
    most.
    """
    squares = np.maximum(np.sum(alike**2, axis=(1, 2)), 1.0)
    return np.minimum(1.0, 2 * alike.shape[1] / squares)


def _refined(alike: Array, weights: Array, order: Order, check: Callable[[], None], sweeps: int) -> Line:
    """Return the line after blocks have been put where they fit best, one after the other, as often as that helps.

    What is fitted in between is the profiles: coordinate ascent of the likelihood of normal similarities about them.
    """
    found, rng = line(alike, weights, order), np.random.default_rng(0)
    for _ in range(sweeps):
        check()
        sweep = _Sweep.along(alike, weights, found)
        for block in rng.permutation(len(order)):
            sweep.place(block)
        better = line(alike, weights, sweep.order)
        if not better.evidence > found.evidence + 1e-9:  # less is rounding
            break
        found = better
    return found


class _Sweep:
    """Blocks that are put where they fit best, one at a time, while profiles `[K, N]` stay as they are.

    How well an order fits is half the sum of `scaled` times the profile at each distance.
    """

    def __init__(self, scaled: Array, profiles: Array, order: Order) -> None:
        n, apart = len(order), _apart(len(order))
        self._scaled = scaled
        rises = np.diff(profiles, axis=1, append=0.0)
        self._beyond, self._before = rises[:, apart], rises[:, apart - 1]
        places, others = np.arange(n)[:, None], np.arange(n - 1)
        away = np.abs(others + (others >= places) - places)
        self._at = profiles[:, away].swapaxes(0, 1).reshape(n, -1)
        """`[N, K (N - 1)]` the profiles from each place to those of the others"""
        self._take(order)

    @classmethod
    def along(cls, alike: Array, weights: Array, found: Line) -> "_Sweep":
        """Return a line whose fits are differences of its log-likelihood while its profiles and noise stay."""
        return cls(alike * (weights / found.noise)[:, None, None], found.profiles, found.order)

    def _take(self, order: Order) -> None:
        self.order = order
        self._seen = self._scaled[:, order[:, None], order]
        # what changes where two blocks come to lie one farther apart than they do, and than one less
        self._farther = np.einsum("kij,kij->ij", self._seen, self._beyond)
        self._closer = np.einsum("kij,kij->ij", self._seen, self._before)

    def place(self, block: int) -> None:
        """Put a block where it fits best among the others, which keep their order."""
        now = int(np.flatnonzero(self.order == block)[0])
        fits = self.fits(now)
        best = int(fits.argmax())
        if fits[best] > fits[now] + 1e-9:  # less is rounding
            self._take(np.insert(np.delete(self.order, now), best, block))

    def fits(self, now: int) -> Array:
        """Return how well the block at a place fits at every place among the others, `[N]`, up to a constant."""
        rest = np.delete(np.arange(len(self.order)), now)
        change = np.triu(self._farther[np.ix_(rest, rest)], 1)
        change[:now, now:] = self._closer[:now, now + 1 :]
        between = np.concatenate([[0.0], np.cumsum(change.sum(axis=1) - change.sum(axis=0))])
        return between + self._at @ self._seen[:, now, rest].ravel()


def _apart(n: int) -> NDArray[np.intp]:
    """Return how far apart positions are, `[N, N]`."""
    return np.abs(np.arange(n)[:, None] - np.arange(n))
