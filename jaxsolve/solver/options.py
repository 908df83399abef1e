"""Host: whose numbers a configuration may give instead of their defaults."""

from collections.abc import Callable
from typing import Any

from jaxsolve.errors import UsageError, no_such
from jaxsolve.search import options_of
from jaxsolve.search.elimination import Elimination
from jaxsolve.search.exchange_regression import ExchangeRegression
from jaxsolve.search.gates import GateRelaxation
from jaxsolve.search.open_relaxation import OpenRelaxation
from jaxsolve.search.probe_beam import ProbeBeam
from jaxsolve.search.reannealing import Reannealing
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.rollout_beam import RolloutBeam
from jaxsolve.solver.acceptance import Acceptance
from jaxsolve.solver.attempt import Attempts
from jaxsolve.solver.beams import Beams
from jaxsolve.solver.config import Config
from jaxsolve.solver.initial import Initial
from jaxsolve.solver.portfolio import Policy
from jaxsolve.solver.restarts import Restarts

OWNERS: dict[str, Callable[[], Any]] = {
    "initial": Initial,
    "attempts": Attempts,
    "beams": Beams,
    "policy": Policy,
    "acceptance": Acceptance,
    "restarts": Restarts,
    "relaxation": Relaxation,
    "exchange_regression": ExchangeRegression,
    "reannealing": Reannealing,
    "elimination": Elimination,
    "gate_relaxation": GateRelaxation,
    "open_relaxation": OpenRelaxation,
    "probe_beam": ProbeBeam,
    "rollout_beam": RolloutBeam,
}
"""Parts of the solver and the methods that it uses, by the names before the dot."""


def check_options(config: Config) -> None:
    """Refuse options that no part of the solver has; `UsageError` names the option."""
    for key in config.options:
        owner, dot, _ = key.partition(".")
        if not dot:
            has = [f"{name}.{key}" for name, own in OWNERS.items() if key in options_of(own())]
            meant = f"did you mean {' or '.join(map(repr, has))}?" if has else "'jaxsolve options' lists them"
            raise UsageError(f"--set {key}: expected PART.NAME; {meant}")
        if owner not in OWNERS:
            raise UsageError(
                f"--set {key}: {no_such('method or part of the solver', owner, OWNERS, 'before the dot goes one of')}"
            )
        config.given(owner, OWNERS[owner]())
