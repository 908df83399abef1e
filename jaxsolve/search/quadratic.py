"""Host: the mean squared error near an assembly as a quadratic function of what is exchanged in it.

To first order in each of them, exchanges add what they add alone: the errors e of predictions become e + A v, with a
column of A for each two positions that may run the other way round, and for each half that may run at a position beside
the other half that is there. v is 1 where that is so, else 0. With the Gram matrix of these columns all assemblies near
the one that they are of are compared without any network, and least squares say what v would be if it could be
anything.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing import assign
from jaxsolve.puzzle import Assembly

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Exchanges:
    """What may be exchanged in an assembly of N blocks."""

    blocks: int
    ahead: Index
    """`[P]` a position, and"""
    behind: Index
    """`[P]` one behind it, which may run before it."""
    doubtful: Index
    """`[U]` positions whose blocks may exchange halves, all different."""
    side: Literal[0, 1] = 1
    """Which halves: 0 for first halves, 1 for second ones; the others stay where they are."""

    @property
    def orders(self) -> int:
        """P."""
        return len(self.ahead)

    @property
    def columns(self) -> Index:
        """Where the column of each two positions is, `[N, N]`; -1: there is none."""
        table = np.full((self.blocks, self.blocks), -1)
        table[self.ahead, self.behind] = table[self.behind, self.ahead] = np.arange(self.orders)
        return table

    def changed(self, assembly: Assembly, change: "Change") -> Assembly:
        """Return what a change makes of the assembly that exchanges are of."""
        halves = [half.copy() for half in assembly]
        halves[self.side][self.doubtful] = halves[self.side][self.doubtful[change.partners]]
        return Assembly(*(half[change.order] for half in halves))


class Change(NamedTuple):
    """Another assembly, in terms of the one that exchanges are of."""

    order: Index
    """`[N]` the positions in the order in which they run"""
    partners: Index
    """`[U]` for each of the doubtful positions, that whose half it has, among these"""


class Columns(NamedTuple):
    """What exchanges add to the errors of some rows."""

    table: NDArray[np.float32]
    """`[C, R]`"""
    errors: NDArray[np.float32]
    """`[R]`"""

    def left(self, swapped: Array, partners: Array) -> float:
        """Return the mean squared error that changes leave, `[P]` and `[U, U]`, which need not be whole."""
        change = np.concatenate([swapped, partners.ravel()]).astype(np.float32)
        return float(np.mean((self.errors + change @ self.table).astype(np.float64) ** 2))


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Half the change of the mean squared error, vᵀ gram v / 2 + pull · v, of changes v of an assembly."""

    exchanges: Exchanges
    gram: Array
    """`[C, C]`, C = P + U²: columns of two positions, then those of each doubtful position and half"""
    pull: Array
    """`[C]`"""

    def least_squares(
        self, ridge: float, *, pairs: bool = True, rarer: float = 10.0, tight: float = 1e-2
    ) -> tuple[Array, Array]:
        """Return what minimises the error where changes need not be whole, of two positions and of partners.

        Parameters
        ----------
        ridge
            What squares of changes cost, in units of the mean of the Gram matrix's diagonal for two positions.
        pairs
            Whether partners change as well.
        rarer
            How many times more a partner's: of many that are possible, few are right.
        tight
            What it costs that a half is not used once, squared, in units of that mean for partners.

        Returns
        -------
        `[P]`, and `[U, U]` with rows that add up to 1.

        Raises
        ------
        numpy.linalg.LinAlgError
            The ridge is too low for what rounding has left of the Gram matrix.
        """
        from scipy.linalg import cho_factor, cho_solve  # slow to import

        p, u = self.exchanges.orders, len(self.exchanges.doubtful)
        if not pairs:
            return Quadratic(self._orders_alone, self.gram[:p, :p], self.pull[:p]).least_squares(ridge)[0], np.eye(u)
        other = ~np.eye(u, dtype=np.bool_)  # that a position keeps its half follows from the others
        free = np.concatenate([np.arange(p), p + np.flatnonzero(other)])
        system, scale = self.gram[np.ix_(free, free)], np.mean(np.diag(self.gram)[:p])
        if u > 1:
            uses = np.zeros((u, u, u))
            uses[np.arange(u), :, np.arange(u)] += 1
            uses[np.arange(u), np.arange(u), :] -= 1
            uses = uses[:, other]
            system[p:, p:] += tight * np.mean(np.diag(self.gram)[p:]) * uses.T @ uses
        system[np.diag_indices_from(system)] += ridge * scale * np.where(np.arange(len(free)) < p, 1.0, rarer)
        found = cho_solve(
            cho_factor(system, overwrite_a=True, check_finite=False), -self.pull[free], check_finite=False
        )
        if not np.isfinite(found).all():
            raise np.linalg.LinAlgError("no finite changes")
        partners = np.zeros((u, u))
        partners[other] = found[p:]
        partners[np.arange(u), np.arange(u)] = 1 - partners.sum(axis=1)
        return found[:p], partners

    def rounded(self, swapped: Array, partners: Array, *, least: float = 1e-3) -> Change:
        """Return the change that is nearest to such numbers, `[P]` and `[U, U]`.

        Each two positions count by what their exchange changes, and by `least` of the mean of that.
        """
        own = np.diag(self.gram)[: self.exchanges.orders]
        cost = (own + least * own.mean()) * (0.5 - swapped)
        near = Quadratic(self._orders_alone, np.broadcast_to(0.0, (len(cost), len(cost))), cost)
        stay = Change(np.arange(self.exchanges.blocks), np.arange(0))
        order = near.descended(stay, np.random.default_rng(0)).change.order
        return Change(order, assign(partners) if len(partners) else np.arange(0))

    @property
    def _orders_alone(self) -> Exchanges:
        known = self.exchanges
        return Exchanges(known.blocks, known.ahead, known.behind, np.arange(0))

    def descended(self, start: Change, rng: np.random.Generator, *, sweeps: int = 30) -> "Optimum":
        """Return a local optimum: positions go where the error is lowest, one after the other, all others as they run.

        Partners stay as they are: exchanges of two of them make up for wrong orders, and spoil pairs that were right.

        Parameters
        ----------
        start
            Where it begins.
        rng
            Says which position goes next.
        sweeps
            How often every position is looked at, at most.
        """
        at = _Descent(self, start)
        for _ in range(sweeps):
            if not sum([at.place(position) for position in rng.permutation(self.exchanges.blocks)]):
                break
        return Optimum(at.error, Change(at.order, start.partners))

    def improved(self, best: "Optimum", rng: np.random.Generator, kicks: int) -> "Optimum":
        """Return the best of local optima, each from the best so far with four positions anywhere else.

        Iterated local search (Lourenço, Martin & Stützle 2003, https://doi.org/10.1007/0-306-48056-5_11).
        """
        for _ in range(kicks):
            order = best.change.order
            for position, to in zip(rng.choice(order, 4), rng.integers(len(order), size=4), strict=True):
                order = np.insert(order[order != position], to, position)
            best = min(best, self.descended(best.change._replace(order=order), rng), key=lambda one: one.error)
        return best


class Optimum(NamedTuple):
    """A change that no position's going elsewhere makes better."""

    error: float
    """What it adds to half the mean squared error."""
    change: Change


class _Descent:
    """A change that goes down to a local optimum, with the gradient of its error."""

    def __init__(self, error: Quadratic, start: Change) -> None:
        known = error.exchanges
        self.order = start.order
        self._gram, self._pull, self._columns = error.gram, error.pull, known.columns
        place = np.argsort(start.order)
        self.values = np.zeros(len(error.pull))
        self.values[: known.orders] = place[known.ahead] > place[known.behind]
        self.values[known.orders + np.arange(len(start.partners)) * len(start.partners) + start.partners] = 1
        self.gradient = self._gram @ self.values + error.pull
        self._least = 1e-12 * max(float(np.abs(self.gradient).max(initial=0.0)), np.finfo(np.float64).tiny)
        """Less of a gain is rounding."""

    @property
    def error(self) -> float:
        """What the change adds to half the mean squared error."""
        return float(0.5 * self.values @ (self.gradient + self._pull))

    def _add(self, columns: Index, change: Array) -> None:
        self.values[columns] += change
        self.gradient += change @ self._gram[columns]

    def place(self, position: int) -> bool:
        """Put a position where the error is lowest, the others as they run; return whether it moved."""
        now, best = int(np.flatnonzero(self.order == position)[0]), (-self._least, None)
        for others, sign in (self.order[now + 1 :], 1), (self.order[:now][::-1], -1):
            columns = self._columns[position, others]
            columns = columns[: np.argmin(columns) if (columns < 0).any() else len(columns)]
            if not len(columns):
                continue
            change = 1 - 2 * self.values[columns]
            both = self._gram[np.ix_(columns, columns)] * np.outer(change, change)
            gains = np.cumsum(self.gradient[columns] * change)
            gains += 0.5 * np.diag(np.cumsum(np.cumsum(both, axis=0), axis=1))
            far = int(gains.argmin())
            if gains[far] < best[0]:
                best = gains[far], (columns[: far + 1], change[: far + 1], now + sign * (far + 1))
        if best[1] is None:
            return False
        columns, change, to = best[1]
        self._add(columns, change)
        self.order = np.insert(np.delete(self.order, now), to, position)
        return True
