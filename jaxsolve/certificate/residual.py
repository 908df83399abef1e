"""Host: whether anything that is known predicts what an answer leaves, so that it is no noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxsolve.architecture import Network
from jaxsolve.certificate.first_order import changes_in_parts, some_rows
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.puzzle.types import Floats


@dataclass(frozen=True)
class Regressions:
    """Numbers of the regressions of what an answer leaves."""

    rows: int = 1500
    """Rows that they are fitted to at most: their time grows as the third power."""
    directions: int = 12_000
    """Directions of change that are used at most."""
    ridges: tuple[float, ...] = (3.0, 0.3, 0.03)
    """Noise over signal that they expect."""
    outputs: int = 4
    """Outputs that are looked at, of several: those with the largest errors."""
    shuffles: int = 100
    """Times that the errors are shuffled, to tell what chance explains."""


def explained(
    puzzle: Puzzle,
    assembly: Assembly,
    errors: Floats,
    check: Callable[[], None] = lambda: None,
    *,
    numbers: Regressions = Regressions(),
) -> float:
    """Return how far above chance the errors, as `Puzzle.y`, of an answer can be predicted, in standard deviations.

    Leave-one-out predictions of kernel ridge regressions on a sample of rows are correlated with the errors, and
    the correlation compared with that of shuffled errors. Kernels are of inputs, states and hidden units at several
    depths (Gaussian), and of all directions in which a block or half elsewhere changes the predictions to first order
    (linear, all directions as likely); last, the one direction that fits best. The largest counts, after Bonferroni:
    z of m trials becomes sqrt(z² - 2 ln m). Of several outputs, that which is predicted best counts.
    """
    if puzzle.outputs > 1:
        worst = worst_outputs(errors, numbers.outputs)
        own = (explained(puzzle.output(k), assembly, errors[:, k], check, numbers=numbers) for k in worst)
        return max(math.sqrt(max(z * z - 2 * math.log(len(worst)), 0.0)) for z in own)
    rows = some_rows(puzzle, numbers.rows)
    residual = errors[rows] - errors[rows].mean()
    scale = float(np.abs(residual).max(initial=0.0))
    if len(rows) < 3 or not 0 < scale < math.inf:
        return 0.0
    residual = residual / scale
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        states, directions = _states(puzzle, assembly, rows), _directions(puzzle, assembly, rows, numbers.directions)
        kernels = [_gaussian(states), *([directions.T @ directions / len(directions)] if len(directions) else [])]
        trials = len(kernels) * len(numbers.ridges) + 1
        found = []
        for kernel in kernels:
            check()
            found += [(z, trials) for z in _predicted(kernel.astype(np.float64), residual, numbers)]
        if len(directions):
            single = np.abs(directions @ (residual / np.linalg.norm(residual))).max()
            found.append((float(single), trials * len(directions)))
    return max(math.sqrt(max(z * z - 2 * math.log(m), 0.0)) if z > 0 else 0.0 for z, m in found)


def worst_outputs(errors: Floats, most: int) -> list[int]:
    """Return the outputs with the largest errors, `[R, K]`, at most so many."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.argsort(-np.nan_to_num(np.mean(errors**2, axis=0), nan=np.inf), kind="stable")[:most].tolist()


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


def _predicted(kernel: Floats, residual: Floats, numbers: Regressions) -> list[float]:
    """Return how far the correlation with leave-one-out predictions is above that of shuffled errors, by ridge."""
    rng = np.random.default_rng(0)
    targets = np.stack([residual, *(rng.permutation(residual) for _ in range(numbers.shuffles))], axis=1)
    scores = []
    for ridge in numbers.ridges:
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
        tables += [states[t + 1], network.hidden(states[t], assembly.ins[t])]
    tables = [table - table.mean(axis=0) for table in tables]
    scaled = [table / max(float(np.linalg.norm(table)), 1e-300) for table in tables]
    return np.nan_to_num(np.concatenate(scaled, axis=1), posinf=0.0, neginf=0.0)


def _gaussian(features: Floats) -> Floats:
    """Return the Gaussian kernel of features `[S, F]`, half as wide as half of all rows are apart, `[S, S]`."""
    squares = (features**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0.0)
    return np.exp(-2 * apart / max(float(np.median(apart)), 1e-300))


def _directions(puzzle: Puzzle, assembly: Assembly, rows: np.ndarray, most: int) -> np.ndarray:
    """Return the directions in which blocks and halves elsewhere change the predictions, `[F, S]` of mean square 1."""
    n = puzzle.blocks
    total = n + (n + 1) * n + 3 * n * n
    kept = np.sort(np.random.default_rng(0).permutation(total)[:most])
    parts = []
    for changes in changes_in_parts(puzzle, assembly, rows):
        tables = changes.own, changes.inserted, changes.replaced
        parts.append(np.concatenate([table.reshape(-1, len(changes.error)) for table in tables])[kept])
    directions = np.concatenate(parts, axis=1)
    directions -= directions.mean(axis=1, keepdims=True)
    size = directions.std(axis=1)
    usable = np.isfinite(size) & (size > 1e-6 * np.max(size, where=np.isfinite(size), initial=0.0))
    return directions[usable] / size[usable, None]
