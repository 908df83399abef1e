"""Every device path against float64, on the devices that there are; `gpu.py` runs it.

A check gives rows of what was compared, the largest difference, relative to what is said beside it, and the bound up to
which the two agree. The float64 side is `tests/reference.py`, which shares no code with the package.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import reference

Row = dict[str, Any]
EXACT, ROUNDED = 1e-4, 1e-2
"""Bounds of float32 products, and of those of *screen* where it rounds to TF32."""


def example(small: bool, **changes: Any) -> tuple[Any, Any]:
    """Return a random puzzle of the famous width, or a narrow one, and a random assembly of it."""
    from jaxsolve.puzzle import Assembly

    shape: dict[str, Any] = {"n": 4, "d": 8, "h": 12, "rows": 70} if small else {"n": 6, "d": 48, "h": 96, "rows": 200}
    puzzle, _ = reference.random_puzzle(3, **(shape | changes), scale=0.7)
    rng = np.random.default_rng(0)
    return puzzle, Assembly(*(rng.permutation(puzzle.blocks).astype(np.int32) for _ in range(2)))


def compared(what: str, found: Any, expected: Any, bound: float, size: Any = None) -> Row:
    """Return a row of a comparison; differences are relative to `size`, or to the largest number expected."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    size = np.abs(expected).max() if size is None else size
    off = float(np.max(np.abs(found - expected) / size))
    return {"what": what, "compared": found.size, "off": off, "bound": bound, "agrees": bool(off <= bound)}


def losses_of(puzzle: Any, ins: Any, outs: Any) -> np.ndarray:
    """Return the mean squared errors of networks, `[B, L]` each, in float64."""
    return np.array([reference.squared_errors(puzzle, i, o).mean() for i, o in zip(ins, outs, strict=True)])


def _sizes(puzzle: Any, losses: np.ndarray) -> np.ndarray:
    """Return what differences of losses are relative to: those below 1e-6 of the mean square are all alike."""
    return losses + 1e-6 * np.mean(puzzle.y**2)


def losses(small: bool) -> Iterator[Row]:
    """Compare exact losses in every way and tier: of a neighbourhood, and of random candidates."""
    from jaxsolve import engine
    from jaxsolve.engine import NEIGHBOURHOODS
    from jaxsolve.puzzle import Assembly
    from jaxsolve.run import Evaluator, Run

    puzzle, assembly = example(small)
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(puzzle.blocks, dtype=np.int32), (64, 1)), axis=1)
    given = {"joint_moves": NEIGHBOURHOODS["joint_moves"](puzzle.blocks)}
    given |= {"random": engine.as_moves(Assembly(orders[:32], orders[32:]))}
    for tier, bound in (("accept", EXACT), ("screen", ROUNDED)):
        problem = replace(engine.to_device(puzzle), tier=tier)
        yield {"what": f"{tier}: the way that is used", "compared": engine.best_way(problem)}
        for way in ("sequential", "batched", "fused"):
            for name, moves in given.items():
                every = moves.take(slice(None) if name == "random" else np.arange(moves.size))
                expected = losses_of(puzzle, assembly.ins[every.ins], assembly.outs[every.outs])
                what = f"{tier}, {way}: losses of {name}"
                try:
                    found = Evaluator(problem, assembly, Run(), way).losses(moves)
                except Exception as error:  # a kernel that a compiler refuses takes no other path with it
                    yield {"what": what, "agrees": False, "error": f"{type(error).__name__}: {error}"[:300]}
                else:
                    yield compared(what, found, expected, bound, _sizes(puzzle, expected))


def screens(small: bool) -> Iterator[Row]:
    """Compare first-order predictions with those of finite differences."""
    from jaxsolve import engine
    from jaxsolve.engine import NEIGHBOURHOODS
    from jaxsolve.run import Run, screen

    puzzle, assembly = example(small, rows=24)
    moves = NEIGHBOURHOODS["joint_moves"](puzzle.blocks)
    found = screen(engine.to_device(puzzle), assembly, moves, Run())
    expected = first_order(puzzle, assembly, moves)
    yield compared("screen: losses of joint_moves to first order", found, expected, ROUNDED, expected)


def first_order(puzzle: Any, assembly: Any, moves: Any, step: float = 1e-7) -> np.ndarray:
    """Return the losses of moves as `jaxsolve.engine.screening` says they are, in float64."""
    n, (ins, outs) = puzzle.blocks, assembly
    states = [puzzle.x]
    for i, j in zip(ins, outs, strict=True):
        states.append(reference.final_state(puzzle, [i], [j], states[-1]))
    read = lambda t, h: reference.final_state(puzzle, ins[t:], outs[t:], h) @ puzzle.w_last
    along = step * np.eye(puzzle.features)
    gradients = [
        np.stack([(read(t, h + a) - read(t, h - a)) / (2 * step) for a in along], axis=1) for t, h in enumerate(states)
    ]
    added = lambda h, i, j: reference.final_state(puzzle, [i], [j], h) - h
    times = lambda t, update: (gradients[t] * update).sum(axis=1)
    own = [times(t + 1, states[t + 1] - states[t]) for t in range(n)]
    error = states[-1] @ puzzle.w_last + puzzle.b_last - puzzle.y

    def here(p: int, s: int, t: int) -> np.ndarray:
        h = states[p] - (states[s + 1] - states[s] if s < p else 0)
        return times(t, added(h, ins[s], outs[s]))

    def change(segment: list[int], half: int) -> Any:
        i, a, j, b = segment
        if half:
            mixed = lambda t, s: (ins[s], outs[t]) if half == 1 else (ins[t], outs[s])
            return sum(times(t + 1, added(states[t], *mixed(t, s))) - own[t] for t, s in ((i, j), (j, i)))
        if a == b == 1:
            return here(i, j, i + 1) - own[i] + here(j, i, j + 1) - own[j]
        moved, to = (range(i, i + a), j + b) if a <= b else (range(j, j + b), i)
        return sum(here(to, s, to) - own[s] for s in moved)

    found = [change(one, half) for one, half in zip(moves.segments.tolist(), moves.halves.tolist(), strict=True)]
    return np.array([np.mean((error + 0.6 * one) ** 2) for one in found])


def beams(small: bool) -> Iterator[Row]:
    """Compare what a step of beams keeps: the best by the readout, and by probes what least squares leave."""
    from itertools import product

    from jaxsolve import engine
    from jaxsolve.run import Run
    from jaxsolve.search import Setting
    from jaxsolve.search.beam import Beam, unused
    from jaxsolve.search.probe_beam import ProbeBeam

    puzzle, _ = example(small)
    setting = Setting(engine.to_device(puzzle), Run())
    beam, probes = Beam(4), ProbeBeam(4)
    state = beam.halfway(setting)
    after, _ = beam.step(setting, state, beam.place(setting, state))
    yield compared("beam: losses", after.losses, losses_of(puzzle, after.ins, after.outs), EXACT)
    free = zip(state.ins, state.outs, unused(state.ins, puzzle.blocks), unused(state.outs, puzzle.blocks), strict=True)
    words = [([*i, a], [*j, b]) for i, j, firsts, seconds in free for a, b in product(firsts, seconds)]
    every = np.sort(losses_of(puzzle, *zip(*words, strict=True)))
    yield compared("beam: the best of all expansions", np.sort(after.losses), every[:4], EXACT)
    wide = probes.halfway(setting)
    after, _ = probes.step(setting, wide, probes.place(setting, wide))
    chosen = [0, len(after.ins) // 2, len(after.ins) - 1]
    fitted = [probe(puzzle, after.ins[k], after.outs[k], probes.ridge) for k in chosen]
    yield compared("probe_beam: errors of the probes", after.path[-1], fitted, 10 * EXACT, np.array(fitted))
    halves, words = np.array([1, 0], np.int32), [*zip(wide.ins, wide.outs, strict=True)]
    states, ridge = probes.place(setting, wide), 1e-3
    left = engine.unit_probe_errors(setting.problem, states, np.int32(0), halves, np.float32(ridge), count=len(words))
    each = [reference.final_state(puzzle, *word, puzzle.x) for word in words]
    units = [[reference.hidden_units(puzzle, h, i) for i in halves] for h in each]
    expected = np.array([reference.unit_probe(puzzle, *both, ridge) for both in zip(each, units, strict=True)])
    yield compared("probe_beam: errors of probes of units", left, expected, 10 * EXACT, expected)


def probe(puzzle: Any, ins: Any, outs: Any, ridge: float) -> float:
    """Return what the best affine readout of a partial network leaves: least squares with rows that hold it down."""
    h = reference.final_state(puzzle, ins, outs, puzzle.x)
    centred, target = h - h.mean(axis=0), puzzle.y - puzzle.y.mean()
    down = np.sqrt(ridge * np.mean(centred**2) * len(h)) * np.eye(h.shape[1])
    table, wanted = np.vstack([centred, down]), np.concatenate([target, np.zeros(h.shape[1])])
    return float(np.sum((table @ np.linalg.lstsq(table, wanted, rcond=None)[0] - wanted) ** 2) / len(h))


def annealing(small: bool) -> Iterator[Row]:
    """Compare the losses that chains believe they have after some moves."""
    from jaxsolve import engine
    from jaxsolve.run import Run
    from jaxsolve.search import Setting
    from jaxsolve.search.annealing import Annealing

    puzzle, _ = example(small)
    setting, method = Setting(engine.to_device(puzzle), Run()), Annealing(chains=4 if small else 64, steps=512)
    state = method.init(setting)
    work = method.place(setting, state)
    while not method.finished(state):
        state, work = method.step(setting, state, work)
    yield {
        "what": "annealing: moves accepted",
        "compared": int(state.accepted.sum()),
        "agrees": bool(state.accepted.any()),
    }
    for name, ins, outs, sums in (("now", *state[:3]), ("best", *state[3:6])):
        expected = losses_of(puzzle, ins, outs)
        yield compared(f"annealing: losses {name}", sums / puzzle.rows, expected, EXACT, _sizes(puzzle, expected))
        sorted_ = np.sort(np.concatenate([ins, outs]), axis=1)
        whole = bool((sorted_ == np.arange(puzzle.blocks)).all())
        yield {"what": f"annealing: {name} whole networks", "compared": len(ins), "agrees": whole}


def relaxation(small: bool) -> Iterator[Row]:
    """Compare a mixture's errors, their derivatives by finite differences, and the step that they call for."""
    from jaxsolve import engine

    puzzle, _ = example(small)
    rng, n, pairs, damping, step = np.random.default_rng(8), puzzle.blocks, 3, 1e-2, 1e-7
    ins, outs = (np.stack([rng.choice(n, pairs, replace=False) for _ in range(n)]) for _ in range(2))
    shares = rng.dirichlet(np.ones(pairs), n)

    def errors_of(shares: np.ndarray) -> np.ndarray:
        h = puzzle.x
        for at in zip(ins, outs, shares, strict=True):
            h = h + sum(s * (reference.final_state(puzzle, [i], [j], h) - h) for i, j, s in zip(*at, strict=True))
        return h @ puzzle.w_last + puzzle.b_last - puzzle.y

    problem = engine.to_device(puzzle)
    where = np.repeat(np.arange(n), pairs)
    placed, places = engine.mixture(
        problem, where, ins.ravel(), outs.ravel(), shares.ravel(), engine.room_for(np.full(n, pairs))
    )
    tiles = engine.tiled(problem, np.arange(puzzle.rows))
    errors, states, last = engine.mixed(problem, tiles, placed)
    flat = np.asarray(errors).ravel()[: puzzle.rows]
    expected = errors_of(shares)
    yield compared("relaxation: errors of a mixture", flat, expected, EXACT)
    jacobian = engine.jacobian(problem, tiles, placed, states, last)
    slopes = np.empty((puzzle.rows, n * pairs))
    for k in range(n * pairs):
        change = step * np.reshape(np.arange(n * pairs) == k, shares.shape)
        slopes[:, k] = (errors_of(shares + change) - errors_of(shares - change)) / (2 * step)
    by_row = np.asarray(jacobian).swapaxes(1, 2).reshape(-1, len(placed.shares))[: puzzle.rows, places]
    yield compared("relaxation: derivatives by the shares", by_row, slopes, 10 * EXACT)
    equations = engine.normal_equations(problem, placed, jacobian, count=puzzle.rows)
    given = problem, placed, jacobian, equations, flat, np.float32(damping), np.float32(0.0)
    found = np.asarray(engine.gauss_newton_step(*given)[0])[places]
    sums = np.concatenate([np.arange(n)[:, None] == which.ravel() for which in (where, ins, outs)]).astype(float)
    cost = np.diag(1 / shares.ravel()) + 1e3 * sums.T @ sums
    hessian = slopes.T @ slopes / puzzle.rows + damping * cost
    wanted = np.linalg.solve(hessian, -slopes.T @ expected / puzzle.rows)
    yield compared("relaxation: the Gauss-Newton step", found, wanted, ROUNDED)


CHECKS = {"losses": losses, "screens": screens, "beams": beams, "annealing": annealing, "relaxation": relaxation}
