"""Decoys that make blocks of their own are left out one after the other, and nothing that helps."""

import numpy as np
import pytest

from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly, Puzzle, padded, running
from jaxsolve.search.elimination import Elimination, _shortened, superfluous_blocks
from jaxsolve.search.storing import flattened, restored
from tests import reference
from tests.pairing.test_norm_places import normed_pile
from tests.search.examples import ROWS, Walk, copied, same, setting_of, walk

N, TWO = 5, (1, 4)


def with_decoys(*places):
    """A puzzle whose predictions are made without some blocks, the assembly with them, and the one without."""
    puzzle, answer = reference.random_puzzle(71, n=N, rows=ROWS)
    rest = Assembly(*(np.delete(half, places) for half in answer))
    made = reference.final_state(puzzle, *rest, puzzle.x) @ puzzle.w_last + puzzle.b_last
    return puzzle.replace(y=made), answer, rest


def real(puzzle, assembly):
    """The blocks of an assembly that do something."""
    silent = puzzle.null_ins[assembly.ins] | puzzle.null_outs[assembly.outs]
    return Assembly(assembly.ins[~silent], assembly.outs[~silent])


def without(puzzle, assembly):
    """What is left of an assembly without each of its blocks, and its errors."""
    left = [Assembly(*(np.delete(half, t) for half in assembly)) for t in range(len(assembly.ins))]
    return left, [float(reference.squared_errors(puzzle, *one).mean()) for one in left]


def brute_force(puzzle, assembly, share, most):
    """Yield assemblies that lack one block more, as long as that helps."""
    loss = float(reference.squared_errors(puzzle, *assembly).mean())
    for _ in range(most):
        left, losses = without(puzzle, assembly)
        k = int(np.argmin(losses))
        if losses[k] >= share * loss:
            return
        assembly, loss = left[k], losses[k]
        yield assembly, loss


def beginning(places, spare):
    puzzle, answer, rest = with_decoys(*places)
    wide = padded(puzzle, spare)
    return wide, wide.assembly(puzzle.permutation(answer)), rest


@pytest.mark.parametrize("places", [TWO, (2, 3), (2,)])
@pytest.mark.parametrize("share", [0.7, 0.99])
def test_blocks_are_left_out_as_by_brute_force(places, share):
    puzzle, start, rest = beginning(places, 2)
    some = walk(Elimination(share), puzzle, start)
    expected = list(brute_force(puzzle, real(puzzle, start), share, 2))
    assert expected
    for k, (assembly, loss) in enumerate(expected, 1):
        info = some.step()
        found = some.method.found(some.state)
        np.testing.assert_array_equal(real(puzzle, found.best), assembly)
        assert found.losses[0] == pytest.approx(loss, rel=1e-4, abs=1e-9)
        assert some.state.gone == k
        assert info.candidates is None
    info = some.step()
    assert some.method.finished(some.state)
    assert some.state.gone == len(expected)
    np.testing.assert_array_equal(real(puzzle, info.candidates.best), expected[-1][0])
    for half in info.candidates.best:
        assert sorted(half) == list(range(puzzle.blocks))
    if places != (2, 3):  # there another block is the one that helps most
        np.testing.assert_array_equal(expected[-1][0], rest)


def test_it_ends_where_nothing_helps():
    puzzle, start, rest = beginning(TWO, 2)
    exact = puzzle.assembly(puzzle.permutation(rest))
    for method, begin in ((Elimination(), exact), (Elimination(share=0.0), start)):
        some = walk(method, puzzle, begin)
        info = some.step()
        assert method.finished(some.state)
        assert info.candidates is None, "nothing has changed"
        np.testing.assert_array_equal(method.found(some.state).best, begin)


def test_it_ends_where_null_halves_are_used_up():
    puzzle, start, _ = beginning(TWO, 1)
    some = walk(Elimination(), puzzle, start)
    while not some.method.finished(some.state):
        some.step()
    assert some.state.gone == 1


def test_errors_that_overflow_are_no_better_ones():
    puzzle, start, _ = beginning(TWO, 2)
    some = walk(Elimination(), puzzle.replace(w_out=puzzle.w_out * 1e30), start)
    some.step()
    assert some.method.finished(some.state)
    np.testing.assert_array_equal(some.method.found(some.state).best, start)


def one_sided():
    """A puzzle that lacks a second half."""
    puzzle, answer = reference.random_puzzle(71, n=N, rows=ROWS)
    few = {"w_out": puzzle.w_out[:-1], "b_out": puzzle.b_out[:-1], "out_ids": puzzle.out_ids[:-1]}
    return padded(puzzle.replace(**few)), answer


@pytest.mark.parametrize("of", [lambda: reference.random_puzzle(71, n=N, rows=ROWS), one_sided])
def test_without_null_halves_of_both_kinds_it_is_refused(of):
    puzzle, answer = of()
    with pytest.raises(UsageError, match=r"elimination needs null halves.*--spare"):
        Elimination().init(setting_of(puzzle, answer))


def test_without_the_puzzle_or_with_a_negative_share_it_is_refused():
    puzzle, start, _ = beginning(TWO, 2)
    setting = setting_of(puzzle, start)
    setting.puzzle = None
    with pytest.raises(UsageError, match="elimination needs null halves"):
        Elimination().init(setting)
    with pytest.raises(UsageError, match=r"share is -0\.1"):
        Elimination(share=-0.1)


def test_of_several_starts_the_first_is_taken():
    puzzle, start, rest = beginning(TWO, 2)
    state = Walk(Elimination(), setting_of(puzzle, start, puzzle.assembly(puzzle.permutation(rest)))).state
    np.testing.assert_array_equal((state.ins[0], state.outs[0]), start)


def test_stored_between_its_steps_it_goes_on_in_the_same_bits():
    puzzle, start, _ = beginning(TWO, 2)
    whole = walk(Elimination(), puzzle, start)
    other = whole.again()
    while not whole.method.finished(whole.state):
        whole.step()
        other.step()
        same(other.state, whole.state)
        other = other.again()
    assert whole.state.gone == 2
    arrays = copied(flattened(whole.state, ""))
    for name, table in (("ins", np.zeros_like(whole.state.ins)), ("losses", np.zeros(2)), ("gone", np.zeros(1))):
        with pytest.raises(ValueError, match=r"half|shape"):
            restored(type(whole.state), arrays | {name: table}, "", puzzle.blocks)


@pytest.mark.parametrize(("places", "share", "gone"), [(TWO, 0.7, 2), ((2,), 0.7, 1), (TWO, 0.0, 0), ((), 0.7, 0)])
def test_the_blocks_that_an_answer_is_better_without_are_counted(places, share, gone):
    puzzle, answer, _ = with_decoys(*places)
    loss = float(reference.squared_errors(puzzle, *answer).mean())
    assert superfluous_blocks(puzzle, answer, loss, ROWS, share) == gone


def test_blocks_go_with_the_norms_before_them():
    pieces, x, y, order = normed_pile(4, last=False)
    puzzle, assembly = running(Puzzle.from_arrays(pieces, x, y), order)
    wide = padded(puzzle, 1)
    found = [wide.permutation(one) for one in _shortened(wide, wide.assembly(puzzle.permutation(assembly)))]
    assert found == [order[: 3 * t] + order[3 * t + 3 :] for t in range(puzzle.blocks)]
