"""Host: a joint search from a puzzle to a judged answer: what ``jaxsolve search`` and ``jaxsolve sweep`` run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.certificate import Certificate, certify, promising, reachable, with_evidence
from jaxsolve.errors import OutOfMemoryError, UsageError
from jaxsolve.pairing import PAIRINGS, pair
from jaxsolve.puzzle import Assembly, Puzzle, check_sha256, mean_squared_error
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import Pipeline, Population, Setting, stages_named, unjudged

ROWS = 1000
"""Rows on which candidates are compared if nothing is said."""
STATISTICS_ROWS = 20_000
"""Most rows for what is cheap to know of all of them."""
MOST_SEED = 2**31 - 1001
"""Stages of a pipeline have seeds of their own behind the one that is given."""
FINALISTS = 8
"""Assemblies that are judged on all rows in the end."""


@dataclass(frozen=True)
class JointConfig:
    """What to search with. Everything here decides what is found, and is stored with it."""

    method: str = "beam"
    """Names of methods, joined by commas: each begins where the one before has ended."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the methods, as `stages_named` takes them."""
    rows: int | None = ROWS
    """Compare candidates on the first so many rows; None: on all."""
    seed: int = 0
    """Start of all randomness."""
    pairing: str | None = None
    """Score that gives the pairs, so that only the order is searched; None: pairs are searched as well."""
    prior: str | None = None
    """Score whose pairs are preferred."""
    sha256: str | None = None
    """The published hash of the answer, if known."""

    def __post_init__(self) -> None:
        """Refuse what cannot be searched with; `UsageError` names the option."""
        if not isinstance(self.method, str):
            raise UsageError(f"method is {self.method!r}; expected names of methods, joined by commas")
        if self.rows is not None and not (isinstance(self.rows, int) and 1 <= self.rows < 1 << 63):
            raise UsageError(f"rows is {self.rows!r}; expected a whole number, at least 1")
        if not (isinstance(self.seed, int) and 0 <= self.seed <= MOST_SEED):
            raise UsageError(f"seed is {self.seed!r}; expected a whole number from 0 to {MOST_SEED}")
        for name in ("pairing", "prior"):
            if getattr(self, name) not in (None, *PAIRINGS):
                raise UsageError(f"no {name} {getattr(self, name)!r}; choose one of {', '.join(PAIRINGS)}")
        if self.sha256 is not None:
            object.__setattr__(self, "sha256", check_sha256(self.sha256, "sha256"))


@dataclass(frozen=True, eq=False)
class JointSolution:
    """The best assembly that a joint search has found, judged on all rows."""

    status: str
    """``solved``, ``unsolved`` (all stages came to their end), ``out_of_time``, ``out_of_memory``, ``interrupted`` or
    ``lost``."""
    certificate: Certificate
    pipeline: Pipeline
    config: JointConfig
    run: Run
    puzzle: Puzzle

    @property
    def message(self) -> str:
        """What was found and what is proven, in one sentence."""
        if self.status == "solved":
            return f"Solved: {self.certificate.sentence}."
        begun = {
            "unsolved": f"Not solved by {self.config.method}",
            "out_of_time": f"Not solved in {self.run.budget:g} s",
            "out_of_memory": "Not solved in the memory there is (fewer rows take less)",
            "interrupted": "Interrupted",
            "lost": "Another process of this run is gone",
        }[self.status]
        if self.pipeline.elites is None:
            return f"{begun}, before there was a whole network."
        return f"{begun}; best so far: {self.certificate.sentence}."


Stored = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def joint_search(
    puzzle: Puzzle,
    config: JointConfig | None = None,
    run: Run | None = None,
    *,
    start: Assembly | None = None,
    resume: Stored | None = None,
    keep: Callable[[Stored], None] | None = None,
    devices: int | None = None,
) -> JointSolution:
    """Search for pairs and order together.

    Parameters
    ----------
    puzzle, config, run
        The puzzle, what to search with, and what counts, times and watches.
    start
        An assembly to begin from; None: each method has a beginning of its own.
    resume
        What `keep` was given: go on from there.
    keep
        Is given at first and after each step what the search can be resumed from.
    devices
        Devices of each process that candidates are spread over; None: all. What is found does not depend on it.

    Raises
    ------
    UsageError
        The configuration names something that does not exist, or `resume` is of something else.
    OutOfMemoryError
        Memory runs out before there is a whole network.
    """
    config, run = config or JointConfig(), run or Run()
    stages = stages_named(config.method, config.options)
    problem = engine.place(puzzle, config.rows, devices)
    partner = None if config.pairing is None else pair(puzzle, config.pairing).partner.astype(np.int32)
    prior = None if config.prior is None else -pair(puzzle, config.prior).standardised
    starts = None if start is None else unjudged([start])
    whole = engine.place(puzzle, STATISTICS_ROWS, devices)
    pipeline = Pipeline(stages, Setting(problem, run, config.seed, starts, whole, partner, prior))
    asked = {"puzzle": puzzle.fingerprint, "config": asdict(config) | {"options": dict(config.options)}}
    if resume is not None:
        stored, arrays = resume
        if stored.get("puzzle") != asked["puzzle"]:
            raise UsageError(f"what is to be resumed belongs to another puzzle than {puzzle.name}, or other rows of it")
        pipeline.restore(stored, arrays)

    def watch(pipeline: Pipeline) -> None:
        if keep is not None:
            meta, arrays = pipeline.stored()
            keep((asked | meta, arrays))

    stay = np.arange(puzzle.blocks, dtype=np.int32)
    floor, status = reachable(puzzle, Assembly(stay, stay)), "unsolved"
    if resume is None:
        watch(pipeline)
    try:
        with engine.watched():
            pipeline.drive(watch, floor)
    except OutOfTime:
        status = "out_of_time"
    except OutOfMemoryError:
        if pipeline.elites is None:
            raise
        status = "out_of_memory"
    except KeyboardInterrupt:
        status = "interrupted"
    except engine.ProcessLost:
        status = "lost"
    with run.phase("certify"):
        certificate = _judged(puzzle, pipeline.elites, config.sha256)
        if not certificate.solved and certificate.mse <= promising(puzzle) and status in ("unsolved", "out_of_time"):
            certificate = with_evidence(puzzle, certificate)
    return JointSolution("solved" if certificate.solved else status, certificate, pipeline, config, run, puzzle)


def _judged(puzzle: Puzzle, elites: Population | None, sha256: str | None) -> Certificate:
    """Return the certificate of the assembly that is best on all rows, of the best on those of the search."""
    stay = np.arange(puzzle.blocks, dtype=np.int32)
    few = [Assembly(stay, stay)]
    if elites is not None:
        few = [Assembly(*halves) for halves in zip(elites.ins[:FINALISTS], elites.outs[:FINALISTS], strict=True)]
    losses = [mean_squared_error(puzzle, assembly, np.float32) for assembly in few] if len(few) > 1 else [0.0]
    return certify(puzzle, few[int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0], expected_sha256=sha256)
