"""Host: large coordinated moves: whole assemblies proposed from one, to be judged exactly.

Each proposal changes many partners or many positions at once, by what the data say to first order; some of it is
noise, so that asking again proposes something else (perturb and maximise: Papandreou & Yuille 2011,
https://doi.org/10.1109/ICCV.2011.6126242).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.pairing import assign, standardised
from jaxsolve.puzzle import Assembly
from jaxsolve.run import screen
from jaxsolve.search.method import Population, Setting

LINEAR_ROWS = 1000
"""Rows of the linearised problem: it takes N² numbers for each."""
RIDGES = (0.1, 1.0, 10.0)
"""Penalties on changes of the linearised assignment, in units of what the mean row explains."""
STAYS = (0.3, 1.0)
"""Weights for staying put beside the change that the linearised problem wants."""
NOISE = 0.5
"""Standard deviation of the noise in scores, in units of their own."""
HELD = 1e6
"""Score of a pair that stays."""
KICKS = 16
"""Random proposals."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What proposals are made from."""

    setting: Setting
    assembly: Assembly
    elites: Population
    rng: np.random.Generator
    probed: NDArray[np.float64]
    """`[N, N]` standardised scores of all pairs by the data, on the inputs."""

    @property
    def blocks(self) -> int:
        """N."""
        return len(self.assembly.ins)

    def repaired(self, scores: NDArray[np.float64]) -> Assembly:
        """Return the assembly with the second halves that score best, `[N, N]` positions by second halves."""
        return Assembly(self.assembly.ins, assign(scores).astype(np.int32))

    @cached_property
    def by_inputs(self) -> NDArray[np.float64]:
        """`[N, N]` positions by second halves: what the data prefer on the inputs, and what is preferred anyway."""
        prior = self.setting.prior
        own = self.probed if prior is None else self.probed - prior
        return own[self.assembly.ins]

    @cached_property
    def by_position(self) -> NDArray[np.float64]:
        """`[N, N]` positions by second halves: what they would gain at the states of this assembly."""
        self.setting.run.spend(4)
        with backend.watched():
            gains = np.asarray(engine.partner_gains(self.setting.every, self.assembly), np.float64)
        return standardised(np.nan_to_num(gains))


def by_position(asked: Asked) -> list[Assembly]:
    """Propose the partners that gain most where they would run."""
    return [asked.repaired(asked.by_position)]


def by_inputs(asked: Asked) -> list[Assembly]:
    """Propose the partners that the data prefer on the inputs, whatever the order."""
    return [asked.repaired(asked.by_inputs)]


def by_both(asked: Asked) -> list[Assembly]:
    """Propose the partners that are good in both ways."""
    return [asked.repaired(asked.by_position + 0.5 * asked.by_inputs)]


def by_consensus(asked: Asked) -> list[Assembly]:
    """Propose to keep the pairs that many elites have, and to draw the others by the data."""
    if asked.elites.size < 3:
        return []
    counts = np.zeros((asked.blocks, asked.blocks))
    for ins, outs in zip(asked.elites.ins, asked.elites.outs, strict=True):
        counts[ins, outs] += 1 / asked.elites.size
    return [asked.repaired(4 * counts[asked.assembly.ins] + asked.by_position + 0.5 * asked.by_inputs)]


def partly(asked: Asked) -> list[Assembly]:
    """Propose to change only as many partners as chance says, those that gain most by scores with noise in them."""
    found, rows = [], np.arange(asked.blocks)
    for scores in (asked.by_position, asked.by_inputs, asked.by_position + 0.5 * asked.by_inputs):
        noisy = scores + NOISE * asked.rng.standard_normal(scores.shape)
        wanted = assign(noisy)
        gain = noisy[rows, wanted] - noisy[rows, asked.assembly.outs]
        held = np.argsort(gain)[: asked.rng.integers(0, asked.blocks)]
        noisy[held, asked.assembly.outs[held]] = HELD
        found.append(asked.repaired(noisy))
    return found


def linearised_order(asked: Asked) -> list[Assembly]:
    """Propose the orders that the linearised network asks for."""
    return _linearised(asked, 0)


def linearised_partners(asked: Asked) -> list[Assembly]:
    """Propose the partners that the linearised network asks for."""
    return _linearised(asked, 2)


def _linearised(asked: Asked, kind: int) -> list[Assembly]:
    """Return the assemblies that would explain the error if the network were linear in its blocks.

    The effect of every block, or second half (2), at every position on the predictions of every row makes a
    least-squares problem over matrices whose rows and columns add up to nothing; the permutation nearest to its ridge
    solution is a proposal.
    """
    few = engine.first_rows(asked.setting.problem, LINEAR_ROWS, tier="screen")
    asked.setting.run.spend(6)
    with backend.watched():
        changes = engine.first_order_changes(few, asked.assembly, partners=kind > 0)
        error, replaced = np.asarray(changes.error, np.float64), np.asarray(changes.replaced[kind])
    found = []
    for wanted in _ridge_solutions(replaced, error):
        for stay in STAYS:
            to = assign(stay * np.eye(asked.blocks) + wanted)
            ins = asked.assembly.ins if kind else asked.assembly.ins[to]
            found.append(Assembly(ins, asked.assembly.outs[to]))
    return found


def _ridge_solutions(effects: NDArray[np.float32], error: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return, for several penalties, the change of the permutation matrix, `[N, N]`, that would explain the error."""
    n, rows = len(effects), len(error)
    centred = effects - effects.mean(axis=0) - effects.mean(axis=1, keepdims=True) + effects.mean(axis=(0, 1))
    flat = centred.reshape(n * n, rows).astype(np.float64)
    if not np.isfinite(flat).all() or not np.isfinite(error).all():
        return []
    kernel = flat.T @ flat
    size = np.trace(kernel) / rows
    if not size > 0:
        return []
    solved = (np.linalg.solve(kernel + ridge * size * np.eye(rows), error) for ridge in RIDGES)
    return [-(flat @ dual).reshape(n, n) for dual in solved]


def kicked(asked: Asked) -> list[Assembly]:
    """Propose a few random moves, one to four at a time."""
    kinds = ["swaps", "insertions"] + ([] if asked.setting.partner is not None else ["partner_swaps"])
    found = []
    for k in range(KICKS):
        assembly = asked.assembly
        for _ in range(1 + k % 4):
            moves = NEIGHBOURHOODS[asked.rng.choice(kinds)](asked.blocks)
            if moves.size:
                (ins,), (outs,), _ = moves.take(asked.rng.integers(moves.size, size=1))
                assembly = Assembly(assembly.ins[ins], assembly.outs[outs])
        found.append(assembly)
    return found


def mended(asked: Asked) -> list[Assembly]:
    """Propose the exchanges of partners that promise most to first order."""
    if asked.blocks < 2:
        return []
    moves = NEIGHBOURHOODS["partner_swaps"](asked.blocks)
    best = np.argsort(screen(asked.setting.problem, asked.assembly, moves, asked.setting.run), kind="stable")[:KICKS]
    ins, outs, _ = moves.take(best)
    return [Assembly(asked.assembly.ins[i], asked.assembly.outs[o]) for i, o in zip(ins, outs, strict=True)]


def as_it_is(asked: Asked) -> list[Assembly]:
    """Propose to go on downhill."""
    return [asked.assembly]


Proposal = Callable[[Asked], list[Assembly]]
ORDERS: dict[str, Proposal] = {"linearised_order": linearised_order, "as_it_is": as_it_is}
"""Proposals that leave partners alone."""
PARTNERS: dict[str, Proposal] = {
    "by_position": by_position,
    "by_inputs": by_inputs,
    "by_both": by_both,
    "by_consensus": by_consensus,
    "linearised_partners": linearised_partners,
    "partly": partly,
    "mended": mended,
}
"""Proposals that change them."""
PROPOSALS: dict[str, Proposal] = {**ORDERS, **PARTNERS, "kicked": kicked}
"""Large moves by name; `Iterated` counts which of them lead to something."""
