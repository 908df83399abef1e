"""Host: works made ready on some devices, each a `Job` that can be done again and again."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.engine import Neighbourhood
from jaxsolve.profiling.measurement import Done, Job
from jaxsolve.profiling.work import Kind, Work
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, Run, screen, screen_applications, screen_rows
from jaxsolve.search import Setting
from jaxsolve.search.method import check_memory
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.soft_permutation import Candidates


def ways(problem: "engine.Problem", work: Work) -> list["engine.Way"]:
    """Return the ways in which a work can be done on the devices of a problem."""
    best = engine.best_way(problem)
    if work.kind in ("batch", "neighbourhood") and best == "fused":
        return ["batched", "fused"]
    return ["batched" if best == "fused" else best]


def prepared(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run) -> Job:
    """Return a work made ready.

    Raises
    ------
    UsageError
        It does not fit into the memory of the run.
    """
    return JOBS[work.kind](problem, work, way, run)


def _evaluated(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run) -> Job:
    """Return the exact evaluation of random candidates, or of all that are near an assembly."""
    assert work.moves is not None
    moves, evaluator = work.moves, Evaluator(problem, _random(problem), run, way)

    def once() -> Done:
        before = evaluator.applications
        evaluator.losses(moves)
        applied = evaluator.applications - before
        moved = applied * _bytes_of_block(problem, problem.rows, way)
        return Done((), applied * problem.rows * problem.pieces.flops, applied, moved)

    return Job(once, problem.rows, problem.tier, way, moves.size, "candidates")


def _screened(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run) -> Job:
    """Return the screening of candidates near an assembly."""
    assert isinstance(work.moves, Neighbourhood)
    moves, assembly, partners = work.moves, _random(problem), bool(work.moves.halves.any())
    rows = screen_rows(problem, partners, run.memory_on(problem))
    applied = screen_applications(problem, partners)
    moved = applied * _bytes_of_block(problem, rows, way)

    def once() -> Done:
        screen(problem, assembly, moves, run)
        return Done((), applied * rows * problem.pieces.flops, applied, moved)

    return Job(once, rows, "screen", way, moves.size, "candidates")


def _beam(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run) -> Job:
    """Return a step of a beam at half of its depth; what it moves in memory is not counted."""
    setting, beam = Setting(problem, run), work.method
    check_memory(setting, "beam", beam.width, problem.x.size)
    state = beam.halfway(setting)
    states, left = beam.place(setting, state), problem.blocks - state.ins.shape[1]
    once = lambda: Done(beam.step(setting, state, states)[1], beam.flops(setting, state), beam.width)
    return Job(once, problem.rows, problem.tier, way, beam.width * left**2, "expansions")


def _annealing(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run) -> Job:
    """Return the moves of chains between two looks of the host, from random assemblies at the first temperature."""
    setting = Setting(problem, run)
    method = replace(work.method, steps=np.iinfo(np.int32).max)  # as long as it is repeated
    state = method.init(setting)
    now = list(method.step(setting, state, method.place(setting, state)))
    moves = method.chains * int(now[0].step)

    def once() -> Done:
        before = now[0]
        now[:] = method.step(setting, *now)
        applied = float(now[0].applied - before.applied)
        return Done((), applied * problem.rows * problem.pieces.flops, applied)

    return Job(once, problem.rows, problem.tier, way, moves, "moves")


def _relaxation(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run) -> Job:
    """Return a Gauss-Newton step of shares, as the first round takes it from a random order.

    That is the errors of the mixture, their Jacobian, the normal equations, and their solution for one damping.
    """
    method, blocks, rng = Relaxation(), problem.blocks, np.random.default_rng(0)
    start, rows = _random(problem), min(work.size, problem.rows)
    place = np.argsort(start.ins)
    ins, outs = np.tile(start.ins, method.candidates), [np.roll(start.outs, k) for k in range(method.candidates)]
    pairs = Candidates(ins.astype(np.intp), np.concatenate(outs).astype(np.intp), np.ones(len(ins)))
    width = np.clip((method.width + method.doubt_width) * blocks, method.narrowest, method.widest)
    away = (np.arange(blocks)[:, None] - place[pairs.ins]) / width
    weights = pairs.balanced(np.exp(-0.5 * away**2))
    where, which = np.nonzero(weights >= method.least_weight)
    room = engine.room_for((weights >= method.least_weight).sum(axis=1))
    copies = 2 + problem.over.size
    check_memory(Setting(problem, run), "relaxation", rows, problem.outputs * copies * (room + rows * problem.outputs))
    shares = weights[where, which]
    tables = engine.tiled(problem, rng.permutation(problem.rows)[:rows])
    mixture, _ = engine.mixture(problem, where, pairs.ins[which], pairs.outs[which], shares, room)
    damping = np.float32(method.damping * max(float(np.var(np.asarray(problem.y))), np.finfo(np.float32).tiny))

    def once() -> Done:
        errors, states, last = engine.mixed(problem, tables, mixture)
        errors = np.asarray(errors).ravel()[: rows * problem.outputs]
        jacobian = engine.jacobian(problem, tables, mixture, states, last)
        equations = engine.normal_equations(problem, mixture, jacobian, count=len(errors))
        given = problem, mixture, jacobian, equations, errors
        return Done(engine.gauss_newton_step(*given, damping, np.float32(0.0)))

    return Job(once, rows, problem.tier, backend.plain_way(problem.over), 1, "steps")


def _training(problem: "engine.Problem", work: Work, way: "engine.Way", run: Run, *, most_steps: int = 100) -> Job:
    """Return steps of Adam, one epoch at most, which begin with the pieces in the order they come in."""
    batch, devices = min(work.size, problem.rows), len(problem.over.local_devices)
    task = engine.training_placed(
        np.asarray(problem.x),
        np.asarray(problem.y),
        activation=problem.activation,
        optimiser="adam",
        learning_rate=1e-4,
        devices=devices,
    )
    order = np.random.default_rng(0).permutation(problem.rows)
    batches = engine.dealt(order, batch, task.over)[:most_steps]
    now = [engine.learner(problem.pieces, task)]
    trained = int((batches >= 0).sum())
    flops = engine.training_flops(now[0].net, trained)

    def once() -> Done:
        now[0], loss = engine.trained(now[0], task, batches, np.int32(len(batches)))
        return Done((now[0], loss), flops)

    return Job(once, problem.rows, "accept", way, trained, "rows")


JOBS: dict[Kind, Callable[..., Job]] = {
    "batch": _evaluated,
    "neighbourhood": _evaluated,
    "screen": _screened,
    "beam": _beam,
    "annealing": _annealing,
    "relaxation": _relaxation,
    "training": _training,
}


def _random(problem: "engine.Problem") -> Assembly:
    rng = np.random.default_rng(0)
    return Assembly(*(rng.permutation(problem.blocks).astype(np.int32) for _ in range(2)))


def _bytes_of_block(problem: "engine.Problem", rows: int, way: "engine.Way") -> int:
    """Return what a block reads and writes: its weights, and, unless they stay in registers, its states."""
    _, features, hidden = problem.pieces.w_in.shape
    weights = 2 * hidden * features + hidden + features
    return 4 * (weights + (0 if way == "fused" else rows * (4 * features + 4 * hidden)))
