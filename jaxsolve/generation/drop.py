"""Host: a network that falls apart: pieces numbered at random, some lost, some of another network among them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.generation.data import Rows
from jaxsolve.generation.initial import Weights
from jaxsolve.generation.recipe import Recipe
from jaxsolve.puzzle import Assembly, Puzzle, predict, sha256_of
from jaxsolve.puzzle.given import Gates, Given, Layer
from jaxsolve.puzzle.padding import embedded

Positions = NDArray[np.int64]
Numbers = tuple[NDArray[np.int64], NDArray[np.int64], list[int], NDArray[np.int64]]
"""Ids of first and second halves, of layers around the blocks, and of gates that are pieces of their own."""


class Dropped(NamedTuple):
    """A puzzle, and what only its maker knows."""

    puzzle: Puzzle
    permutation: list[int]
    """Piece ids of the blocks of which both halves are there, in the order they ran, and of the readout."""
    missing: list[dict[str, int | str | None]]
    """For each half that is lost the position of its block, which half, and the piece id of the other."""
    decoys: list[int]
    """Piece ids, ascending."""


def drop(net: Weights, other: Weights, rows: Rows, recipe: Recipe, rng: np.random.Generator) -> Dropped:
    """Return the puzzle of a trained network.

    Predictions are those of the whole network in float32, with noise and rounding as the recipe has them. Decoys are
    halves of `other`. The hash of the answer is part of the puzzle where nothing is missing.
    """
    blocks = range(len(net.w_in))
    lost = [np.sort(rng.permutation(len(blocks))[:k]) for k in (recipe.missing_ins, recipe.missing_outs)]
    fake = [np.sort(rng.permutation(len(blocks))[:k]) for k in (recipe.decoy_ins, recipe.decoy_outs)]
    kept = [np.setdiff1d(blocks, gone) for gone in lost]
    counts = [len(a) + len(b) for a, b in zip(kept, fake, strict=True)]
    around = 1 + (net.first is not None) + (net.head is not None)
    ids = rng.permutation(sum(counts) + around + counts[0] * (recipe.gates == "pieces"))
    in_ids, out_ids, outer = np.split(ids, np.cumsum([*counts, around]))[:3]
    numbers = in_ids, out_ids, outer.tolist(), ids[sum(counts) + around :]
    x = rows.x[: recipe.table_rows]
    puzzle = _puzzle(net, other, kept, fake, numbers, recipe)
    y = _predictions(net, x, recipe, rng)
    of_in, of_out = (
        dict(zip(there.tolist(), map(int, numbers), strict=False))  # decoys come after those that are kept
        for there, numbers in zip(kept, (in_ids, out_ids), strict=True)
    )
    whole = [t for t in blocks if t in of_in and t in of_out]
    begin, end = puzzle.around
    permutation = [*begin, *(piece for t in whole for piece in puzzle.given.spelled(of_in[t], of_out[t])), *end]
    missing: list[dict[str, int | str | None]] = [
        {"position": t, "half": half, "orphan": others.get(t)}
        for t in blocks
        for half, own, others in (("in", of_in, of_out), ("out", of_out, of_in))
        if t not in own
    ]
    decoys = sorted(map(int, (*in_ids[len(kept[0]) :], *out_ids[len(kept[1]) :])))
    label = rows.label[: recipe.table_rows] if rows.label.ndim == 1 else None
    puzzle = puzzle.replace(
        x=x, inputs=None, y=y, label=label, expected_sha256=None if missing else sha256_of(permutation)
    )
    return Dropped(puzzle, permutation, missing, decoys)


def _puzzle(
    net: Weights,
    other: Weights,
    kept: list[Positions],
    fake: list[Positions],
    ids: Numbers,
    recipe: Recipe,
) -> Puzzle:
    """Return the pieces, ascending by their ids, without a table."""
    in_order, out_order = np.argsort(ids[0]), np.argsort(ids[1])
    joined = lambda ours, theirs, k: np.concatenate([ours[kept[k]], theirs[fake[k]]]).astype(np.float64)
    return Puzzle(
        name="generated",
        w_in=joined(net.w_in, other.w_in, 0)[in_order].swapaxes(1, 2),
        b_in=joined(net.b_in, other.b_in, 0)[in_order],
        w_out=joined(net.w_out, other.w_out, 1)[out_order].swapaxes(1, 2),
        b_out=joined(net.b_out, other.b_out, 1)[out_order],
        w_last=net.w_last.astype(np.float64).T,
        b_last=float(net.b_last) if net.b_last.ndim == 0 else net.b_last.astype(np.float64),
        in_ids=ids[0][in_order],
        out_ids=ids[1][out_order],
        last_id=ids[2][-1],
        x=np.zeros((0, len(net.w_last))),
        y=np.zeros((0, *net.w_last.shape[1:])),
        activation=recipe.activation,
        gates=_gates(net, other, kept, fake, in_order),
        **_around(net, ids[2]),
        given=_given(kept, fake, ids, recipe),
    )


def _around(net: Weights, ids: list[int]) -> dict[str, Any]:
    """Return the layers before the blocks and the readout, if there are any; the last of the ids is the readout's."""
    double = lambda weight: weight.astype(np.float64).T
    layers = [(name, layer) for name, layer in (("first", net.first), ("head", net.head)) if layer is not None]
    return {name: Layer(ids[k], *map(double, layer)) for k, (name, layer) in enumerate(layers)}


def _given(
    kept: list[Positions],
    fake: list[Positions],
    ids: Numbers,
    recipe: Recipe,
) -> Given:
    """Return how the pieces are written."""
    blocks = [np.concatenate(some).tolist() for some in zip(kept, fake, strict=True)]
    widths = recipe.widths_of_blocks
    named = {
        piece: widths[t] for own, where in zip(ids, blocks, strict=False) for piece, t in zip(own, where, strict=True)
    }
    halves = [int(piece) for own in ids[:2] for piece in own]
    bare = {"all": [], "outer": halves, "none": halves + ids[2]}[recipe.biases]
    different = {int(piece): width for piece, width in named.items()} if len(set(widths)) > 1 else {}
    halves_in = ids[0].tolist()
    gates = dict(zip(halves_in, ids[3].tolist(), strict=True)) if recipe.gates == "pieces" else {}
    packed = frozenset(halves_in if recipe.gates == "packed" else [])
    bare += [] if recipe.biases == "all" else [*gates.values()]
    return Given(different, frozenset(bare), gates=gates, packed=packed)


def _gates(
    net: Weights, other: Weights, kept: list[Positions], fake: list[Positions], in_order: Positions
) -> Gates | None:
    """Return the gates of first halves in the order of these."""
    if net.gates is None or other.gates is None:
        return None
    both = zip(net.gates, other.gates, strict=True)
    weight, bias = (
        np.concatenate([ours[kept[0]], theirs[fake[0]]])[in_order].astype(np.float64) for ours, theirs in both
    )
    return Gates(weight.swapaxes(1, 2), bias)


def _predictions(net: Weights, x: NDArray[np.float64], recipe: Recipe, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what the whole network answers, `[R]`, as it is written to the table."""
    order = np.arange(len(net.w_in))
    numbers = order, len(order) + order, [2 * len(order) + k for k in range(3)], 2 * len(order) + 3 + order
    whole = _puzzle(net, net, [order, order], [order[:0], order[:0]], numbers, recipe)
    y = predict(embedded(whole.replace(x=x)), Assembly(order, order), dtype=np.float32)
    if recipe.noise:
        y = y + rng.normal(scale=recipe.noise, size=y.shape)
    if recipe.decimals is not None:
        y = y.round(recipe.decimals)
    return y.astype(np.float32).astype(np.float64)
