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


@dataclass(frozen=True, eq=False)
class ProposalContext:
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


def by_position(context: ProposalContext) -> list[Assembly]:
    """Propose the partners that gain most where they would run."""
    return [context.repaired(context.by_position)]


def by_inputs(context: ProposalContext) -> list[Assembly]:
    """Propose the partners that the data prefer on the inputs, whatever the order."""
    return [context.repaired(context.by_inputs)]


def by_both(context: ProposalContext) -> list[Assembly]:
    """Propose the partners that are good in both ways."""
    return [context.repaired(context.by_position + 0.5 * context.by_inputs)]


def by_consensus(context: ProposalContext) -> list[Assembly]:
    """Propose to keep the pairs that many elites have, and to draw the others by the data."""
    if context.elites.size < 3:
        return []
    counts = np.zeros((context.blocks, context.blocks))
    for ins, outs in zip(context.elites.ins, context.elites.outs, strict=True):
        counts[ins, outs] += 1 / context.elites.size
    return [context.repaired(4 * counts[context.assembly.ins] + context.by_position + 0.5 * context.by_inputs)]


def partly(context: ProposalContext, *, noise: float = 0.5) -> list[Assembly]:
    """Propose to change only as many partners as chance says, those that gain most by scores with noise in them.

    `noise` is the standard deviation of the noise in scores, in units of their own.
    """
    found, rows = [], np.arange(context.blocks)
    for scores in (context.by_position, context.by_inputs, context.by_position + 0.5 * context.by_inputs):
        noisy = scores + noise * context.rng.standard_normal(scores.shape)
        wanted = assign(noisy)
        gain = noisy[rows, wanted] - noisy[rows, context.assembly.outs]
        held = np.argsort(gain)[: context.rng.integers(0, context.blocks)]
        noisy[held, context.assembly.outs[held]] = 1e6  # more than any score: these pairs stay
        found.append(context.repaired(noisy))
    return found


def linearised_order(context: ProposalContext) -> list[Assembly]:
    """Propose the orders that the linearised network asks for."""
    return _linearised(context, 0)


def linearised_partners(context: ProposalContext) -> list[Assembly]:
    """Propose the partners that the linearised network asks for."""
    return _linearised(context, 2)


def _linearised(
    context: ProposalContext,
    kind: int,
    *,
    rows: int = 1000,
    ridges: tuple[float, ...] = (0.1, 1.0, 10.0),
    stays: tuple[float, ...] = (0.3, 1.0),
) -> list[Assembly]:
    """Return the assemblies that would explain the error if the network were linear in its blocks.

    The effect of every block, or second half (2), at every position on the predictions of every row makes a
    least-squares problem over matrices whose rows and columns add up to nothing; the permutation nearest to its ridge
    solution is a proposal.

    Parameters
    ----------
    context, kind
        What is proposed from, and what changes: blocks (0) or second halves (2).
    rows
        Rows of the problem: it takes N² numbers for each.
    ridges
        Penalties on changes of the assignment, in units of what the mean row explains.
    stays
        Weights for staying put beside the change that is wanted.
    """
    few = engine.first_rows(context.setting.problem, rows, tier="screen")
    context.setting.run.spend(6)
    with backend.watched():
        changes = engine.first_order_changes(few, context.assembly, partners=kind > 0)
        error, replaced = np.asarray(changes.error, np.float64), np.asarray(changes.replaced[kind])
    found = []
    for wanted in _ridge_solutions(replaced, error, ridges):
        for stay in stays:
            to = assign(stay * np.eye(context.blocks) + wanted)
            ins = context.assembly.ins if kind else context.assembly.ins[to]
            found.append(Assembly(ins, context.assembly.outs[to]))
    return found


def _ridge_solutions(
    effects: NDArray[np.float32], error: NDArray[np.float64], ridges: tuple[float, ...]
) -> list[NDArray[np.float64]]:
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
    solved = (np.linalg.solve(kernel + ridge * size * np.eye(rows), error) for ridge in ridges)
    return [-(flat @ dual).reshape(n, n) for dual in solved]


def kicked(context: ProposalContext, *, count: int = 16) -> list[Assembly]:
    """Propose `count` times a few random moves, one to four at a time."""
    kinds = ["swaps", "insertions"] + ([] if context.setting.partner is not None else ["partner_swaps"])
    found = []
    for k in range(count):
        assembly = context.assembly
        for _ in range(1 + k % 4):
            moves = NEIGHBOURHOODS[context.rng.choice(kinds)](context.blocks)
            if moves.size:
                (ins,), (outs,), _ = moves.take(context.rng.integers(moves.size, size=1))
                assembly = Assembly(assembly.ins[ins], assembly.outs[outs])
        found.append(assembly)
    return found


def mended(context: ProposalContext, *, count: int = 16) -> list[Assembly]:
    """Propose the `count` exchanges of partners that promise most to first order."""
    if context.blocks < 2:
        return []
    moves = NEIGHBOURHOODS["partner_swaps"](context.blocks)
    predicted = screen(context.setting.problem, context.assembly, moves, context.setting.run)
    ins, outs, _ = moves.take(np.argsort(predicted, kind="stable")[:count])
    return [Assembly(context.assembly.ins[i], context.assembly.outs[o]) for i, o in zip(ins, outs, strict=True)]


def as_it_is(context: ProposalContext) -> list[Assembly]:
    """Propose to go on downhill."""
    return [context.assembly]


Proposal = Callable[[ProposalContext], list[Assembly]]
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
