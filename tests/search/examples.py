"""A puzzle whose answer is known, starts that are wrong in one way, and methods that are watched step by step."""

from dataclasses import replace

import numpy as np

from jaxsolve import engine
from jaxsolve.puzzle import Assembly, padded
from jaxsolve.run import Run
from jaxsolve.search import Population, Setting, info_of
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.storing import flattened, restored
from tests import reference

N, ROWS, FLOOR = 6, 64, 1e-9


def right():
    return reference.random_puzzle(71, n=N, rows=ROWS)


def noisy(puzzle):
    """The same, with predictions that no network of these pieces makes."""
    return puzzle.replace(y=puzzle.y + np.random.default_rng(5).normal(size=puzzle.rows) * puzzle.y.std())


def disordered(answer):
    """The right pairs, in the wrong order."""
    order = np.random.default_rng(3).permutation(N)
    return Assembly(answer.ins[order], answer.outs[order])


def mispaired(answer):
    """The right order, but that two blocks have each other's second half."""
    outs = answer.outs.copy()
    outs[[1, 4]] = outs[[4, 1]]
    return Assembly(answer.ins, outs)


def shuffled(puzzle):
    """Any assembly of a puzzle."""
    halves = np.random.default_rng(1).permuted(np.tile(np.arange(puzzle.blocks), (2, 1)), axis=1)
    return Assembly(*halves.astype(np.int32))


def starting(*assemblies):
    halves = (np.stack(half).astype(np.int32) for half in zip(*assemblies, strict=True))
    return Population(*halves, np.full(len(assemblies), np.inf))


def setting_of(puzzle, *assemblies, run=None, seed=0, partner=None):
    """Where a method begins with assemblies whose losses nobody knows, on all rows."""
    starts = starting(*assemblies) if assemblies else None
    problem = engine.to_device(puzzle)
    return Setting(problem, run or Run(), seed, starts, problem, partner, puzzle=puzzle, floor=FLOOR)


class Walk:
    """A method that works at a setting, step by step."""

    def __init__(self, method, setting):
        self.method, self.setting = method, setting
        self.state = method.init(setting)
        self._work = method.place(setting, self.state)

    def step(self):
        assert not self.method.finished(self.state)
        self.state, self._work = self.method.step(self.setting, self.state, self._work)
        return info_of(self.method, self.state)

    def cycle(self):
        """Yield what the steps tell until another method may go on."""
        while True:
            info = self.step()
            yield info
            if info.over:
                return

    def again(self):
        """Return another walk that goes on from what a file would have of this one."""
        other = object.__new__(Walk)
        other.method, other.setting = self.method, replace(self.setting, shared={})
        other.state = reread(self.state, self.setting.blocks)
        other._work = self.method.place(other.setting, other.state)
        return other


def walk(method, puzzle, *assemblies, **options):
    return Walk(method, setting_of(puzzle, *assemblies, **options))


def scripted(monkeypatch, round):
    """Let rounds of relaxation end with the assembly and the error that a function of their beginning returns."""

    def own(self, setting, state, guide):
        return *round(Assembly(state.ins[0], state.outs[0]), state), np.zeros((0, 0)), 0

    monkeypatch.setattr(Relaxation, "_round", own)


def reread(state, blocks):
    """A state as it comes back from a file."""
    return restored(type(state), copied(flattened(state, "state.")), "state.", blocks)


def copied(arrays):
    return {name: np.array(table) for name, table in arrays.items()}


def same(one, other):
    """Two states have the same bits."""
    one, other = flattened(one, ""), flattened(other, "")
    assert [*one] == [*other]
    for name, table in one.items():
        assert table.dtype == other[name].dtype, name
        np.testing.assert_array_equal(table, other[name], err_msg=name)


ODD = {
    "predictions_that_do_not_vary": lambda p: p.replace(y=np.full_like(p.y, 0.3)),
    "weights_of_zero": lambda p: p.replace(w_in=0 * p.w_in, b_in=0 * p.b_in, w_out=0 * p.w_out),
    "few_blocks_and_null_halves": lambda p: padded(reference.random_puzzle(71, n=2, rows=20)[0], 1),
    "a_null_half_of_either_kind": lambda p: padded(p, 1),
    "one_row": lambda p: p.first_rows(1),
    "losses_that_overflow": lambda p: p.replace(w_out=p.w_out * 1e30),
    "gains_that_overflow": lambda p: p.replace(w_in=p.w_in * 1e11),
}
