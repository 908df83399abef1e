"""Host: the judge of every command: how low an error can get, what is worth weighing, and the last certificate."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from jaxsolve.certificate.bounds import BOUNDS, RIVALS, Bounds, Rivals
from jaxsolve.certificate.causes import find_cause
from jaxsolve.certificate.certify import Certificate, certify, with_neighbour
from jaxsolve.certificate.evidence import Evidence
from jaxsolve.certificate.first_order import effects_of_partner_swaps, first_order_changes, some_rows
from jaxsolve.certificate.grid import FLOAT32, Quantum, grid_of
from jaxsolve.certificate.neighbour import all_moves, rivals
from jaxsolve.certificate.residual import explained
from jaxsolve.certificate.rounding import tolerance
from jaxsolve.puzzle import Assembly, Puzzle, predict, running
from jaxsolve.puzzle.types import Floats


def reachable(puzzle: Puzzle, assembly: Assembly) -> float:
    """Return the mean squared error below which a search has nothing to gain: that of rounding.

    That is what float32 arithmetic explains, or, for predictions that were rounded to a grid, a twelfth of its step
    squared and a little for chance.
    """
    grid = grid_of(puzzle)
    steps = float(np.mean(grid[1] ** 2)) if grid else 0.0
    # on 512 rows, their mean is within 1.25 times what is expected: six standard deviations, as each row has one of
    # sqrt(4/5) of the mean
    return max(tolerance(puzzle, assembly), 1.25 * steps / 12)


def twins(puzzle: Puzzle, *, close: float = 0.03) -> bool:
    """Return whether two real halves of a kind are so close that the data may not tell them apart.

    `close` is their distance as a share of their size.
    """
    for weight, bias, null in (
        (puzzle.w_in, puzzle.b_in, puzzle.null_ins),
        (puzzle.w_out, puzzle.b_out, puzzle.null_outs),
    ):
        flat = np.concatenate([weight.reshape(len(weight), -1), bias], axis=1)[~null]
        with np.errstate(over="ignore", invalid="ignore"):
            products = flat @ flat.T
            squares = products.diagonal()
            apart = squares[:, None] + squares - 2 * products + np.diag(np.full(len(flat), np.inf))
            if (apart <= close**2 * np.minimum(squares[:, None], squares)).any():
                return True
    return False


def promising(puzzle: Puzzle, *, bounds: Bounds = BOUNDS) -> float:
    """Return the mean squared error above which an answer is not worth weighing: it cannot pass."""
    return (1 - bounds.fit) * puzzle.variance


def weigh(
    puzzle: Puzzle,
    assembly: Assembly,
    *,
    every: bool = False,
    check: Callable[[], None] = lambda: None,
    bounds: Bounds = BOUNDS,
    numbers: Rivals = RIVALS,
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
    bounds, numbers
        What the answer is held against, and how many rivals it is compared with.
    """
    puzzle, grid, steps = _on_grid(puzzle, assembly)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = predict(puzzle, assembly) - puzzle.y
        mse, variance = float(np.mean(errors**2)), puzzle.variance
        fit = 1 - mse / variance if 0 < variance < math.inf else -math.inf
        rounding = tolerance(puzzle, assembly)
        outside = _outside(errors, steps, rounding) if grid else 0
        step = float(np.sqrt(np.mean(steps**2)))
    if not math.isfinite(mse):
        mse, fit = math.inf, -math.inf
    found = Evidence(puzzle.rows, mse, rounding, fit, grid, step, outside, unit=puzzle.units.size, bounds=bounds)
    if not math.isfinite(mse) or (fit < bounds.fit and not every):
        return found
    found = _with_rivals(puzzle, assembly, found, errors, steps, numbers, check)
    if (found.lowered or found.exact or found.rounded) and not every:
        return found
    if not (found.exact or found.rounded):
        check()
        alone, answer = running(puzzle, puzzle.permutation(assembly))
        found = replace(found, cause=find_cause(alone, answer, mse, check))
    known = found.cause is not None and (found.cause.reproduces or found.cause.share > 0)
    if not every and (known or puzzle.rows < bounds.rows):
        return found
    return replace(found, explained=explained(puzzle, assembly, errors, check))


def _on_grid(puzzle: Puzzle, assembly: Assembly) -> tuple[Puzzle, Quantum | None, Floats]:
    """Return a puzzle, what its predictions were rounded to, and the steps of that, `[R]`.

    Where an offset makes float32 a coarse grid, the bias of the readout was rounded to it, too: that is undone as far
    as it goes.
    """
    grid, steps = grid_of(puzzle) or (None, np.zeros(puzzle.rows))
    if grid is not None and grid.name == FLOAT32:
        most = float(np.median(steps)) / 2
        shift = float(np.mean(puzzle.y - predict(puzzle, assembly)))
        if abs(shift) <= most:
            puzzle = puzzle.replace(b_last=puzzle.b_last + shift)
    return puzzle, grid, steps


def _outside(errors: Floats, steps: Floats, rounding: float) -> int:
    """Return how many errors are beyond half a step and what float32 arithmetic adds to it."""
    return int((~(np.abs(errors) <= steps / 2 + math.sqrt(rounding))).sum())


def _with_rivals(
    puzzle: Puzzle,
    assembly: Assembly,
    evidence: Evidence,
    errors: Floats,
    steps: Floats,
    numbers: Rivals,
    check: Callable[[], None],
) -> Evidence:
    """Return the evidence with the rivals that come closest, until no more of them fit equally well."""
    compared, best, alike, ts, rises = 0, None, [], [], []
    exact, close = evidence.exact, evidence.bounds.alike
    for some in rivals(puzzle, assembly, errors, check, numbers=numbers):
        before, better = len(alike), False
        for rival, found in some:
            check()
            compared += 1
            if not rival.change <= evidence.rounding:
                ts.append(rival.t)
                rises.append(rival.difference)
            if evidence.rounded and not exact and _outside(found, steps, evidence.rounding):
                continue
            key = lambda rival: (min(rival.difference + evidence.rounding, 0.0), rival.t)
            best = rival if best is None else min(best, rival, key=key)
            better = best.difference < -evidence.rounding and best.t < -close
            if better:
                break
            if (abs(rival.t) < close and not exact) or abs(rival.difference) <= evidence.rounding:
                alike.append(rival)
        enough = compared >= numbers.most and not exact
        if better or enough or (len(alike) == before and compared >= numbers.least):
            break
    moves = all_moves(puzzle.blocks).size if puzzle.blocks > 1 else 0
    return replace(
        evidence, compared=compared, best_rival=best, alike=tuple(alike), moves=moves,
        least_t=min(ts, default=None), least_rise=min(rises, default=None),
    )  # fmt: skip


def with_evidence(puzzle: Puzzle, certificate: Certificate, check: Callable[[], None] = lambda: None) -> Certificate:
    """Return a certificate with the evidence for its answer; `check` is as `weigh` takes it.

    Where that is not the answer whose hash is expected, but one of those that fit equally well is, it is that one's.
    """
    evidence = weigh(puzzle, puzzle.assembly(certificate.permutation), check=check)
    good = evidence.is_noise or evidence.reproduced
    if good and certificate.as_expected is False:
        for rival in evidence.alike:
            other = certify(puzzle, rival.assembly, expected_sha256=certificate.expected_sha256)
            if other.solved:
                return replace(other, evidence=weigh(puzzle, puzzle.assembly(other.permutation)))
    return replace(certificate, evidence=evidence)


def concluded(
    puzzle: Puzzle, certificate: Certificate, *, in_time: bool = True, check: Callable[[], None] = lambda: None
) -> Certificate:
    """Return a certificate with all that is worth knowing of its answer: the order of checks of every command.

    An exact answer is compared with its neighbours in any case: those that fit as well are listed, and one that fits
    better takes its place. Any other is weighed if it may pass, but without time only where that costs nothing.
    """
    if certificate.lacking is not None and not certificate.as_expected:
        return certificate
    for _ in range(16):  # so that answers that replace each other come to an end
        if in_time or certificate.exact:
            certificate = with_neighbour(puzzle, certificate)
        if certificate.evidence is None and (not in_time or not certificate.exact):
            far = not certificate.mse <= promising(puzzle)
            certificate = with_evidence(puzzle, certificate, check) if in_time or far else certificate
        if not certificate.exact:
            break
        if certificate.evidence is None and _may_be_tied(puzzle, certificate):
            certificate = with_evidence(puzzle, certificate, check)
        better = _better_than(certificate)
        if better is None:
            break
        certificate = certify(puzzle, better, expected_sha256=certificate.expected_sha256)
    return certificate


def _may_be_tied(puzzle: Puzzle, certificate: Certificate) -> bool:
    """Return whether an answer near an exact one may fit as well."""
    rival = certificate.neighbour
    if rival is not None and rival.mse <= max(certificate.tolerance, certificate.mse):
        return True
    alone, assembly = running(puzzle, certificate.permutation)
    return twins(alone) or _some_exchange_tells_nothing(alone, assembly, certificate.tolerance)


def _some_exchange_tells_nothing(puzzle: Puzzle, assembly: Assembly, rounding: float) -> bool:
    """Return whether some exchange of partners may leave all predictions as they are, by a few rows to first order.

    Two halves of which no unit ever opens may be exchanged, however different they are.
    """
    if puzzle.blocks < 2:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        changes = first_order_changes(puzzle, assembly, some_rows(puzzle, 16))
        effects = np.concatenate([*effects_of_partner_swaps(changes)])
        return bool((np.mean(effects**2, axis=1) <= rounding).any())


def _better_than(certificate: Certificate) -> Assembly | None:
    """Return an answer that fits as well as an exact one, with half its error, unless a hash is expected."""
    alike = certificate.evidence.alike if certificate.evidence is not None and not certificate.expected_sha256 else ()
    best = min(alike, key=lambda rival: rival.difference, default=None)
    return best.assembly if best is not None and best.difference < -0.5 * certificate.mse else None
