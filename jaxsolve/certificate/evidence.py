"""Host: whether what an answer leaves is noise: no move lowers it, and nothing that is known predicts it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from jaxsolve.certificate.grid import Quantum, quantum
from jaxsolve.certificate.neighbour import Rival, changes_in_parts, rivals, some_rows
from jaxsolve.certificate.rounding import ROUNDING_FACTOR, tolerance
from jaxsolve.puzzle import Assembly, Network, Puzzle, predict
from jaxsolve.puzzle.types import Floats

EXPLAINED = 4.0
"""Standard deviations up to which what is left counts as unexplained: right answers had at most 2.0, wrong ones 9.8."""
ALIKE = 4.0
"""Standard errors within which two answers fit equally well."""
FIT = 0.9
"""Share of the variance of the predictions that an answer has to account for.

It refuses what nobody has measured, noise of more than a third of the predictions' own spread; it proves nothing, for
wrong local optima account for 0.57 to 0.997."""
ROWS = 1000
"""Rows below which noise is not told from a wrong answer.

With noise of 0.01, 300 rows still show that wrong local optima of trained networks leave something to explain (z 7 to
12), but 20 to 30 moves away from the right answer of the famous puzzle are within `ALIKE` of it, and which of them is
lowest is chance; with 1,000 rows 0 to 5 are."""
ROUNDED_ROWS = 100
"""The same where every row is within half a step of rounding: each is then a test of its own."""
RIVALS = 32
"""Rivals that are compared on all rows at most."""
EXPLAIN_ROWS = 1500
FEATURES = 12_000
"""Directions of change that are used at most."""
RIDGES = 3.0, 0.3, 0.03
"""Noise over signal that the regressions expect."""
SHUFFLES = 100


@dataclass(frozen=True)
class Evidence:
    """What can be said of the residual of an answer; None where an earlier test had failed already."""

    rows: int
    mse: float
    """Mean squared error over all rows; infinite if the answer overflows."""
    rounding: float
    """Mean squared error up to which float32 arithmetic explains everything."""
    fit: float
    """Share of the variance of the predictions that the answer accounts for, 1 - mse / variance."""
    quantum: Quantum | None
    """What the predictions were rounded to."""
    step: float
    """Root mean square of its steps; 0 without one."""
    outside: int
    """Rows whose error is more than half a step, where there is a grid."""
    compared: int = 0
    """Rivals that were compared with the answer on all rows."""
    best_rival: Rival | None = None
    """The one that lowers the error most; if none does, the one with the lowest t."""
    alike: tuple[Rival, ...] = ()
    """Moves that lead to answers that fit equally well, as far as the rows can tell."""
    explained: float | None = None
    """How far above chance the residual is predicted from inputs, states and directions of change, in standard
    deviations."""

    @property
    def exact(self) -> bool:
        """Whether float32 arithmetic explains what is left."""
        return self.mse <= self.rounding

    @property
    def rounded(self) -> bool:
        """Whether the rounding of the predictions explains what is left of every row."""
        return self.quantum is not None and self.outside == 0

    @property
    def noise(self) -> float:
        """Standard deviation of what is left, less what float32 arithmetic and the grid of the predictions give."""
        known = self.rounding / ROUNDING_FACTOR + self.step**2 / 12
        return math.sqrt(max(self.mse - known, 0.0))

    @property
    def floor(self) -> str:
        """What the predictions are reproduced to, in words, if that is noise."""
        if self.exact:
            return "float32 rounding"
        return f"their rounding to {self.quantum}" if self.rounded else f"a noise floor of {self.noise:#.3g}"

    @property
    def alike_positions(self) -> tuple[int, ...]:
        """Positions of the blocks that equally good answers disagree about."""
        return tuple(sorted({p for rival in self.alike for p in rival.positions}))

    @property
    def doubt(self) -> str | None:
        """The first test that failed, and by how much; None: what is left is noise."""
        if not math.isfinite(self.mse):
            return "the answer overflows"
        if not self.fit >= FIT:
            return f"the answer accounts for {max(self.fit, 0):.3g} of the variance, and {FIT} is needed"
        needed = 1 if self.exact else ROUNDED_ROWS if self.rounded else ROWS
        if self.rows < needed:
            return f"{self.rows} rows are too few to tell noise from a wrong answer: {needed} are needed"
        if self.quantum and self.outside and not self.exact and self.mse <= self.step**2:
            return f"{self.outside} of {self.rows} rows are off by more than rounding to {self.quantum}"
        if self.best_rival and self.best_rival.difference < -self.rounding:
            rival = self.best_rival
            what = f"{rival.kind}, positions {rival.positions[0]} and {rival.positions[1]}"
            return f"a move lowers it by {-rival.difference:.3g} ({what}; t {rival.t:.1f})"
        if not self.exact and not self.rounded and (self.explained or 0) >= EXPLAINED:
            return f"inputs and states predict part of it (z {self.explained:.1f}, and noise has at most {EXPLAINED:g})"
        return None

    @property
    def is_noise(self) -> bool:
        """Whether all tests agree that the answer leaves nothing but noise."""
        return self.doubt is None

    @property
    def sentence(self) -> str:
        """What is known of the residual, in one line."""
        if self.doubt:
            return f"what is left, {math.sqrt(self.mse):.3g} on average, is not shown to be noise: {self.doubt}"
        if self.exact:
            left = "what is left is float32 rounding: no move lowers it"
        elif self.rounded:
            left = f"what is left is rounding to {self.quantum}: no row is off by more than half a step"
        else:
            left = f"what is left is noise with a standard deviation of {self.noise:.3g}: no move lowers it and nothing"
            left += f" in the states explains it (z {self.explained or 0:.1f})"
        if not self.alike:
            return left
        places = ", ".join(map(str, self.alike_positions[:12])) + (", …" if len(self.alike_positions) > 12 else "")
        count = f"{len(self.alike)} other answers fit" if len(self.alike) > 1 else "one other answer fits"
        return f"{left}; {count} equally well and cannot be told from it (positions {places})"


def weigh(
    puzzle: Puzzle, assembly: Assembly, *, every: bool = False, check: Callable[[], None] = lambda: None
) -> Evidence:
    """Weigh what an answer leaves unexplained, the cheap tests first.

    Parameters
    ----------
    puzzle, assembly
        The puzzle and the answer.
    every
        Go through all tests, also after one has failed.
    check
        Called every second or so, to raise what is to end it.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        errors = predict(puzzle, assembly) - puzzle.y
        mse, variance = float(np.mean(errors**2)), float(np.var(puzzle.y))
        fit = 1 - mse / variance if 0 < variance < math.inf else -math.inf
        grid = quantum(puzzle.y)
        steps = grid.steps(puzzle.y) if grid else np.zeros(puzzle.rows)
        rounding = tolerance(puzzle, assembly)
        outside = _outside(errors, steps, rounding) if grid else 0
        step = float(np.sqrt(np.mean(steps**2)))
    if not math.isfinite(mse):
        mse, fit = math.inf, -math.inf
    found = Evidence(puzzle.rows, mse, rounding, fit, grid, step, outside)
    if not math.isfinite(mse) or (found.doubt and not every):
        return found
    found = _with_rivals(puzzle, assembly, found, errors, steps, check)
    if (found.doubt and not every) or ((found.exact or found.rounded) and not every):
        return found
    return replace(found, explained=explained(puzzle, assembly, errors, check))


def _outside(errors: Floats, steps: Floats, rounding: float) -> int:
    """Return how many errors are beyond half a step and what float32 arithmetic adds to it."""
    return int((~(np.abs(errors) <= steps / 2 + math.sqrt(rounding))).sum())


def _with_rivals(
    puzzle: Puzzle,
    assembly: Assembly,
    evidence: Evidence,
    errors: Floats,
    steps: Floats,
    check: Callable[[], None] = lambda: None,
) -> Evidence:
    """Return the evidence with the rivals that come closest, until no more of them fit equally well."""
    compared, best, alike = 0, None, []
    for some in rivals(puzzle, assembly, errors):
        check()
        compared, before = compared + len(some), len(alike)
        for rival, found in some:
            if evidence.rounded and not evidence.exact and _outside(found, steps, evidence.rounding):
                continue
            key = lambda rival: (min(rival.difference + evidence.rounding, 0.0), rival.t)
            best = rival if best is None else min(best, rival, key=key)
            if abs(rival.t) < ALIKE or abs(rival.difference) <= evidence.rounding:
                alike.append(rival)
        better = best is not None and best.difference < -evidence.rounding and best.t < -ALIKE
        if better or compared >= RIVALS or len(alike) == before:
            break
    return replace(evidence, compared=compared, best_rival=best, alike=tuple(alike))


def explained(puzzle: Puzzle, assembly: Assembly, errors: Floats, check: Callable[[], None] = lambda: None) -> float:
    """Return how far above chance the errors `[R]` of an answer can be predicted, in standard deviations.

    Leave-one-out predictions of kernel ridge regressions on `EXPLAIN_ROWS` rows are correlated with the errors, and
    the correlation compared with that of shuffled errors. Kernels are of inputs, states and hidden units at several
    depths (Gaussian), and of all directions in which a block or half elsewhere changes the predictions to first order
    (linear, all directions as likely); last, the one direction that fits best. The largest counts, after Bonferroni:
    z of m trials becomes sqrt(z² - 2 ln m).
    """
    rows = some_rows(puzzle, EXPLAIN_ROWS)
    residual = errors[rows] - errors[rows].mean()
    scale = float(np.abs(residual).max(initial=0.0))
    if len(rows) < 3 or not 0 < scale < math.inf:
        return 0.0
    residual = residual / scale
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        states, directions = _states(puzzle, assembly, rows), _directions(puzzle, assembly, rows)
        kernels = [_gaussian(states), *([directions.T @ directions / len(directions)] if len(directions) else [])]
        trials = len(kernels) * len(RIDGES) + 1
        found = []
        for kernel in kernels:
            check()
            found += [(z, trials) for z in _predicted(kernel.astype(np.float64), residual)]
        if len(directions):
            single = np.abs(directions @ (residual / np.linalg.norm(residual))).max()
            found.append((float(single), trials * len(directions)))
    return max(math.sqrt(max(z * z - 2 * math.log(m), 0.0)) if z > 0 else 0.0 for z, m in found)


def loo_predictions(kernel: Floats, ridge: float, targets: Floats) -> Floats:
    """Return what kernel ridge regression predicts for each row from all others, `[S, K]` for targets `[S, K]`.

    With P = (K + ridge)⁻¹ that is y - P y / diag P: Rasmussen & Williams (2006), Gaussian Processes for Machine
    Learning, eq. 5.12.
    """
    from scipy.linalg import get_lapack_funcs  # slow to import, and only this needs it

    factorise, invert = get_lapack_funcs(("potrf", "potri"), (kernel,))
    factor, _ = factorise(kernel + ridge * np.eye(len(kernel)), lower=1)
    lower, _ = invert(factor, lower=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    return targets - (inverse @ targets) / inverse.diagonal()[:, None]


def _predicted(kernel: Floats, residual: Floats) -> list[float]:
    """Return how far the correlation with leave-one-out predictions is above that of shuffled errors, by ridge."""
    rng = np.random.default_rng(0)
    targets = np.stack([residual, *(rng.permutation(residual) for _ in range(SHUFFLES))], axis=1)
    scores = []
    for ridge in RIDGES:
        predictions = loo_predictions(kernel, ridge, targets)
        products = (predictions * targets).sum(axis=0)
        own, *shuffled = products / np.linalg.norm(predictions, axis=0)
        scores.append(float(np.nan_to_num((own - np.mean(shuffled)) / np.std(shuffled), nan=0.0)))
    return scores


def _states(puzzle: Puzzle, assembly: Assembly, rows: np.ndarray) -> Floats:
    """Return inputs, states and hidden units at a few depths, `[S, F]`, each table of the same weight."""
    network, n = Network(puzzle, puzzle.activation), puzzle.blocks
    states = network.states(puzzle.x[rows], assembly)
    tables = [states[0]]
    for t in sorted({n // 3, 2 * n // 3, n - 1}):
        hidden = network.activation(states[t] @ network.w_in[assembly.ins[t]].T + network.b_in[assembly.ins[t]])
        tables += [states[t + 1], hidden]
    tables = [table - table.mean(axis=0) for table in tables]
    scaled = [table / max(float(np.linalg.norm(table)), 1e-300) for table in tables]
    return np.nan_to_num(np.concatenate(scaled, axis=1), posinf=0.0, neginf=0.0)


def _gaussian(features: Floats) -> Floats:
    """Return the Gaussian kernel of features `[S, F]`, half as wide as half of all rows are apart, `[S, S]`."""
    squares = (features**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0.0)
    return np.exp(-2 * apart / max(float(np.median(apart)), 1e-300))


def _directions(puzzle: Puzzle, assembly: Assembly, rows: np.ndarray) -> np.ndarray:
    """Return the directions in which blocks and halves elsewhere change the predictions, `[F, S]` of mean square 1."""
    n = puzzle.blocks
    total = n + (n + 1) * n + 3 * n * n
    kept = np.sort(np.random.default_rng(0).permutation(total)[:FEATURES])
    parts = []
    for changes in changes_in_parts(puzzle, assembly, rows):
        tables = changes.own, changes.inserted, changes.replaced
        parts.append(np.concatenate([table.reshape(-1, len(changes.error)) for table in tables])[kept])
    directions = np.concatenate(parts, axis=1)
    directions -= directions.mean(axis=1, keepdims=True)
    size = directions.std(axis=1)
    usable = np.isfinite(size) & (size > 1e-6 * np.max(size, where=np.isfinite(size), initial=0.0))
    return directions[usable] / size[usable, None]
