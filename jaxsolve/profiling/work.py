"""Host: what can be measured: candidates that are evaluated together, and steps of methods and of training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS, Moves, Neighbourhood
from jaxsolve.errors import UsageError, no_such
from jaxsolve.puzzle import Assembly
from jaxsolve.search.annealing import Annealing
from jaxsolve.search.beam import Beam
from jaxsolve.search.probe_beam import ProbeBeam

Kind = Literal["batch", "neighbourhood", "screen", "beam", "annealing", "relaxation", "training"]


@dataclass(frozen=True, eq=False)
class Work:
    """Something to be done again and again on some rows and devices."""

    kind: Kind
    """Candidates, exactly and unrelated, or near an assembly; near an assembly to first order; a step of a beam; some
    moves of chains; a Gauss-Newton step of shares; batches of training."""
    name: str
    moves: Moves | Neighbourhood | None = None
    method: Any = None
    """The beam, or the chains."""
    size: int = 0
    """Rows of a Gauss-Newton step, or of a batch of training."""


def works(
    blocks: int,
    batches: Sequence[int] = (),
    neighbourhoods: Sequence[str] = (),
    screens: Sequence[str] = (),
    widths: Sequence[int] = (),
    *,
    annealing: Sequence[int] = (),
    relaxation: Sequence[int] = (),
    training: Sequence[int] = (),
) -> list[Work]:
    """Return what to measure.

    Parameters
    ----------
    blocks
        N. One block has no neighbours and no order: of a single one only batches and training can be measured.
    batches
        Numbers of random candidates.
    neighbourhoods, screens
        Names of neighbourhoods, evaluated exactly and to first order.
    widths
        Of beams, scored by the readout and by probes; a step at half of their depth is measured.
    annealing
        Numbers of chains.
    relaxation
        Rows of a Gauss-Newton step.
    training
        Rows of a batch.

    Raises
    ------
    UsageError
        There is no such neighbourhood, or a number is not at least 1.
    """
    sizes = {"a batch": batches, "relaxation": relaxation, "a batch of training": training}
    units = {"a batch": "candidate", "relaxation": "row", "a batch of training": "row"}
    for name, given in sizes.items():
        for size in given:
            if size < 1:
                raise UsageError(f"{name} is {size}; expected at least 1 {units[name]}")
    for name in [*neighbourhoods, *screens]:
        if name not in NEIGHBOURHOODS:
            raise UsageError(no_such("neighbourhood", name, NEIGHBOURHOODS))
    rng, found = np.random.default_rng(0), []
    for size in batches:
        orders = rng.permuted(np.tile(np.arange(blocks, dtype=np.int32), (2 * size, 1)), axis=1)
        found.append(Work("batch", f"batch {size}", engine.as_moves(Assembly(orders[:size], orders[size:]))))
    kinds = {"beam": Beam, "probe_beam": ProbeBeam}
    beams = [Work("beam", f"{name} {size}", method=kind(size)) for size in widths for name, kind in kinds.items()]
    chains = [Work("annealing", f"annealing {size}", method=Annealing(chains=size)) for size in annealing]
    if blocks > 1:
        found += [Work("neighbourhood", name, NEIGHBOURHOODS[name](blocks)) for name in neighbourhoods]
        found += [Work("screen", f"screen {name}", NEIGHBOURHOODS[name](blocks)) for name in screens]
        found += [*beams, *chains]
        found += [Work("relaxation", f"relaxation {size}", size=size) for size in relaxation]
    found += [Work("training", f"training {size}", size=size) for size in training]
    return [work for work in found if work.moves is None or work.moves.size]
