"""Host: iterated local search of a population with large coordinated moves.

Partners and order cannot be judged apart: with a wrong pair the order bends around it, and a right partner does not
help before the order has followed. So whole assemblies are proposed (`proposals`), the orders of the best of them go
down a little before they are compared, and the winner goes on down (Lourenço, Martin & Stützle 2003,
https://doi.org/10.1007/0-306-48056-5_11; racing: Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943).
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.pairing import standardised
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator
from jaxsolve.search.descent import Descent
from jaxsolve.search.local import one_pass, search_named
from jaxsolve.search.method import Count, Population, Setting, Work, check_options, population
from jaxsolve.search.proposals import ORDERS, PARTNERS, PROPOSALS, ProposalContext

PER_ELITE = ("ins", "outs", "losses", "settled", "tries")
"""Fields of a state with an entry for each elite."""


class IteratedState(NamedTuple):
    """The elites, and what has led to them."""

    ins: NDArray[np.int32]
    """`[E, N]`"""
    outs: NDArray[np.int32]
    """`[E, N]`"""
    losses: NDArray[np.float64]
    """`[E]`"""
    settled: NDArray[np.bool_]
    """`[E]` whether no order near it was found to be better, with the pairs that it has"""
    tries: NDArray[np.int64]
    """`[E]` times that other partners were proposed to it"""
    step: Count
    """`[]`"""
    known: NDArray[np.int64]
    """`[K]` hashes of the pairings that were tried"""


@dataclass(frozen=True)
class Iterated:
    """Iterated local search of a population, with proposals that change many partners or positions at once."""

    elites: int = 6
    """Assemblies that are kept."""
    steps: int = 500
    """Rounds of proposals."""
    finalists: int = 5
    """Proposals whose orders go down a little before they are compared."""
    passes: int = 2
    """How far: passes through the neighbourhood."""
    depth: int = 8
    """How far the winner goes down, in passes, before the next proposals."""
    least_gain: float = 1e-3
    """Relative gain of a round below which an order has settled."""
    bold: float = 0.1
    """Share of partners changed above which a proposal may take its time: its order settles before it is judged."""

    def __post_init__(self) -> None:
        """Refuse what is no search; `UsageError` names the option."""
        check_options(self, positive=("elites", "steps", "finalists", "passes", "depth"))

    @property
    def state_type(self) -> type:
        """Elites."""
        return IteratedState

    def init(self, setting: Setting) -> IteratedState:
        """Return what the setting begins with, as it is."""
        begin = setting.begin(self.elites if setting.starts is None else min(self.elites, setting.starts.size))
        begin = population(*begin)
        tries = np.zeros(begin.size, np.int64)
        return IteratedState(*begin, tries > 0, tries, np.int64(0), np.zeros(0, np.int64))

    def place(self, setting: Setting, state: IteratedState) -> Work:
        """Return how well the data like all pairs on the inputs."""
        with backend.watched():
            gains = np.asarray(engine.input_gains(setting.every), np.float64)
        return standardised(np.nan_to_num(gains))

    def finished(self, state: IteratedState) -> bool:
        """Return whether all rounds are over."""
        return int(state.step) >= self.steps or state.ins.shape[1] < 2

    def found(self, state: IteratedState) -> Population:
        """Return the elites."""
        return population(state.ins, state.outs, state.losses)

    def step(self, setting: Setting, state: IteratedState, work: Work) -> tuple[IteratedState, Work]:
        """Return the elites after one round.

        The order of an elite goes down until it has settled, partners as they are. Then it is asked for other
        partners; the winner of the race becomes an elite whose order has to settle first.
        """
        e, rng = self._next(state), setting.rng(int(state.step))
        elite = Assembly(state.ins[e], state.outs[e])
        context = ProposalContext(setting, elite, Population(*state[:3]), rng, work)
        kinds = _kinds(setting, bool(state.settled[e]))
        known = {*state.known.tolist(), pairing_hash(elite)}
        proposed = [
            (kind, one)
            for kind, name in enumerate(PROPOSALS)
            if name in kinds
            for one in PROPOSALS[name](context)
            if name not in PARTNERS or pairing_hash(one) not in known
        ]
        raced = self._raced(setting, proposed)
        bold = [one for one in raced[1:] if _changed(one.assembly, elite) > self.bold * setting.blocks]
        tries = state.tries + state.settled * (np.arange(len(state.tries)) == e)
        state = state._replace(step=state.step + 1, tries=tries)
        for start in raced[:1] + (bold[:1] if state.settled[e] else []):
            done = self._descended(setting, start.assembly, start.loss, self.depth)
            known.add(pairing_hash(done.assembly))
            state = self._joined(state, done) if state.settled[e] else self._moved(state, e, done)
        return self._kept(state._replace(known=np.array(sorted(known), np.int64))), work

    def _next(self, state: IteratedState) -> int:
        """Return the elite to go on with: the best that has not settled, else the better ones more often."""
        if not state.settled.all():
            return int(np.argmin(np.where(state.settled, np.inf, state.losses)))
        rank = np.argsort(np.argsort(state.losses, kind="stable"), kind="stable")
        return int(np.argmin(state.tries + 2 * rank))

    def _moved(self, state: IteratedState, e: int, done: Descent) -> IteratedState:
        """Return the elites with one of them where its order has come to."""
        ins, outs, losses, settled = (part.copy() for part in state[:4])
        settled[e] = not done.loss < losses[e] * (1 - self.least_gain)
        if done.loss < losses[e]:
            ins[e], outs[e], losses[e] = *done.assembly, done.loss
        return state._replace(ins=ins, outs=outs, losses=losses, settled=settled)

    def _joined(self, state: IteratedState, done: Descent) -> IteratedState:
        """Return the elites with one more, whose order has to settle before it is judged."""
        ins, outs = (np.vstack([all_, one]) for all_, one in zip(state[:2], done.assembly, strict=True))
        losses, settled = np.append(state.losses, done.loss), np.append(state.settled, False)
        return state._replace(ins=ins, outs=outs, losses=losses, settled=settled, tries=np.append(state.tries, 0))

    def _kept(self, state: IteratedState) -> IteratedState:
        """Return the elites that stay: each once, and of those that have settled the best."""
        order = _distinct(state.ins, state.outs, state.losses)
        young = order[~state.settled[order]]
        keep = np.concatenate([order[state.settled[order]][: max(0, self.elites - len(young))], young])
        return state._replace(**{name: getattr(state, name)[keep] for name in PER_ELITE})

    def _raced(self, setting: Setting, proposed: list[tuple[int, Assembly]]) -> list[Descent]:
        """Return the proposals that came into the race, the best first; every kind has one in it."""
        kinds = np.array([kind for kind, _ in proposed])
        ins, outs = (np.stack(half) for half in zip(*(assembly for _, assembly in proposed), strict=True))
        losses = setting.losses(ins, outs)
        order = _distinct(ins, outs, losses)
        first = [int(order[kinds[order] == kind][0]) for kind in set(kinds[order].tolist())]
        few = list(dict.fromkeys([*sorted(first, key=losses.__getitem__), *order.tolist()]))
        few = few[: max(self.finalists, len(first))]
        down = [self._descended(setting, Assembly(ins[k], outs[k]), float(losses[k]), self.passes) for k in few]
        return sorted(down, key=lambda one: one.loss)

    def _descended(self, setting: Setting, assembly: Assembly, loss: float, passes: int) -> Descent:
        """Return where the order comes to in some passes; partners only change where they are proposed to."""
        search, descent, level, done = search_named("shortlisted"), Descent(assembly, loss), 0, 0
        if not np.isfinite(loss):
            return descent
        evaluator = Evaluator(setting.problem, assembly, setting.run)
        while level < len(search.levels) and done < passes:
            level, done = one_pass(evaluator, descent, search, level, setting.run), done + 1
        return descent


def _kinds(setting: Setting, settled: bool) -> list[str]:
    """Return what is proposed to an elite: nothing but orders while its own still goes down."""
    if not settled:
        return list(ORDERS)
    return [name for name in PROPOSALS if name not in PARTNERS or setting.partner is None]


def pairing_hash(assembly: Assembly) -> int:
    """Return a number that tells pairings apart, whatever the order."""
    return int.from_bytes(hashlib.blake2b(assembly.partner.tobytes(), digest_size=8).digest(), "big", signed=True)


def _changed(a: Assembly, b: Assembly) -> int:
    """Return how many first halves have another partner."""
    return int((a.partner != b.partner).sum())


def _distinct(ins: NDArray[np.int32], outs: NDArray[np.int32], losses: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which assemblies are different from all better ones, the best first."""
    _, first = np.unique(np.concatenate([ins, outs], axis=1), axis=0, return_index=True)
    return first[np.lexsort((first, losses[first]))]
