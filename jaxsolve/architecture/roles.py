"""Host: the roles of pieces in the network, and how their shapes tell them, after `jaxsolve.architecture.blocks`.

A residual stack of D features has first halves `[H, D]` and second halves `[D, H]`, of one H or of several, a readout
`[K, D]` of K outputs, and perhaps a layer before the blocks, `[D, I]` for I inputs, and one more before the readout,
`[M, D]`, with a readout `[K, M]` then. Where shapes leave open which piece has a role, somebody who knows the data has
to tell (`Telling`).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxsolve.architecture.blocks import AUTO, architectures
from jaxsolve.architecture.pieces import Piece, missing_ids
from jaxsolve.errors import PuzzleError


class Roles(NamedTuple):
    """The pieces by what their shapes allow them to be, each list ascending by id.

    Of halves `[D, D]` any may come first: half of them are in either list.
    """

    ins: list[Piece]
    """First halves, weight `[H, D]`, at least one."""
    outs: list[Piece]
    """Second halves, weight `[D, H]`, at least one, and perhaps more or fewer."""
    last: Piece
    """The readout, weight `[K, D]` or `[K, M]`."""
    first: Piece | None = None
    """A layer before the blocks, weight `[D, I]`."""
    head: Piece | None = None
    """A layer before the readout, weight `[M, D]`."""

    @property
    def features(self) -> int:
        """D."""
        return self.ins[0].shape[1]


class Telling(Protocol):
    """What tells roles by the data where shapes leave them open."""

    def readout(self, candidates: list[Piece], first: Piece | None) -> Piece:
        """Return the readout among pieces `[K, D]`, behind a layer before the blocks, perhaps."""
        ...

    def first(self, candidates: list[Piece], reads: np.ndarray[Any, np.dtype[np.float64]]) -> Piece:
        """Return the layer before the blocks among pieces `[D, I]`; the readout is made of `reads`, `[K, D]`."""
        ...


class _Layout(NamedTuple):
    """Sizes that pieces may have together."""

    features: int
    embeds: bool
    """Whether a layer before the blocks makes features of the inputs."""
    head: int | None
    """M."""


class Candidate(NamedTuple):
    """What a pile of pieces might be."""

    architecture: str
    layout: _Layout
    left: Counter[tuple[int, int]]
    """Shapes of the pieces that would have no role, or no partner."""

    @property
    def words(self) -> str:
        """What it is, and what it leaves over."""
        around = [f"a layer before the blocks, of {self.layout.features} features"] * self.layout.embeds
        around += ["a layer before the readout"] * (self.layout.head is not None)
        some = ", ".join(f"{count} of {list(shape)}" for shape, count in self.left.most_common(3))
        named = " with ".join([self.architecture, *([" and ".join(around)] if around else [])])
        return f"{named}; leaves over {f'{self.left.total()} pieces, {some}' if some else 'nothing'}"


def assign_roles(
    pieces: list[Piece], inputs: int, outputs: int, telling: Telling, *, architecture: str = AUTO
) -> Roles:
    """Sort pieces into first halves, second halves, the readout, and layers before the blocks and the readout.

    Parameters
    ----------
    pieces
        All pieces of the puzzle.
    inputs, outputs
        I and K: the input columns of the table, and its columns of predictions.
    telling
        Decides where shapes leave a role open.
    architecture
        A name of `ARCHITECTURES`, or ``auto``.

    Raises
    ------
    PuzzleError
        The shapes do not make a residual stack, or nothing tells which piece has a role.
    UsageError
        There is no such architecture.
    """
    if len(pieces) == 1:
        raise PuzzleError("only one piece; expected two halves for each block and a readout")
    fitting = [(one, turned) for one, turned in _turned(pieces, inputs, outputs, architecture) if not one.left]
    if not fitting:
        raise _unfit(pieces, inputs, outputs)
    candidate, turned = fitting[0]
    if _unpartnered(candidate, turned, inputs, outputs):  # the last thing to be thought of, but for the first of a kind
        others = (one for one in fitting[1:] if one[0].layout == candidate.layout)
        candidate, turned = next(others, fitting[0])
    return _sorted(turned, candidate.layout, inputs, outputs, telling)


def candidates(pieces: list[Piece], inputs: int, outputs: int) -> list[Candidate]:
    """Return what a pile might be, the best of each architecture and outer layers, that of fewest leftovers first."""
    best = dict[tuple[str, bool, bool], Candidate]()
    for one, _ in _turned(pieces, inputs, outputs, AUTO):
        kind = one.architecture, one.layout.embeds, one.layout.head is not None
        if kind not in best or one.left.total() < best[kind].left.total():
            best[kind] = one
    return sorted(best.values(), key=lambda one: one.left.total())


def _turned(
    pieces: list[Piece], inputs: int, outputs: int, architecture: str
) -> Iterator[tuple[Candidate, list[Piece]]]:
    """Yield what pieces might be, with them as pieces of a plain stack."""
    layouts = [_Layout(inputs, embeds=False, head=None), *_layouts(pieces, inputs, outputs)]
    for name, one in architectures(architecture).items():
        for layout in layouts:
            turned = one.as_stack(pieces, layout.features)
            left = None if turned is None else _left(turned, layout, inputs, outputs)
            if turned is not None and left is not None:
                yield Candidate(name, layout, left), turned


def _unpartnered(candidate: Candidate, pieces: list[Piece], inputs: int, outputs: int) -> int:
    """Return how many halves have no partner under a candidate that they fit."""
    rest = _rest(pieces, candidate.layout, inputs, outputs)
    assert rest is not None
    ins, outs = _widths(rest, candidate.layout.features)
    return ((ins - outs) + (outs - ins)).total()


def _layouts(pieces: list[Piece], inputs: int, outputs: int) -> Iterator[_Layout]:
    """Yield what else than features as inputs, and nothing before the readout, there may be, the simplest first."""
    sizes = Counter(size for piece in pieces for size in piece.shape)
    widths = [size for size, _ in sizes.most_common(8)]
    heads = sorted({piece.shape[1] for piece in pieces if piece.shape[0] == outputs})
    yield from (_Layout(width, True, None) for width in widths if width != inputs)
    yield from (_Layout(inputs, False, head) for head in heads)
    yield from (_Layout(width, True, head) for width in widths for head in heads if width != inputs)


def _rest(pieces: list[Piece], layout: _Layout, inputs: int, outputs: int) -> "Counter[tuple[int, int]] | None":
    """Return the shapes that are left for halves; None: a layer that has to be there is not."""
    shapes = Counter(piece.shape for piece in pieces)
    width = layout.features if layout.head is None else layout.head
    around = [(outputs, width)]
    around += [(layout.features, inputs)] if layout.embeds else []
    around += [] if layout.head is None else [(layout.head, layout.features)]
    for shape in around:
        if not shapes[shape]:
            return None
        shapes[shape] -= 1
    return +shapes


def _left(pieces: list[Piece], layout: _Layout, inputs: int, outputs: int) -> "Counter[tuple[int, int]] | None":
    """Return the shapes of the pieces that have no role under a layout; None: a layer that has to be there is not."""
    rest = _rest(pieces, layout, inputs, outputs)
    if not rest:
        return None
    d = layout.features
    ins, outs = _widths(rest, d)
    left = Counter({shape: count for shape, count in rest.items() if d not in shape})
    # with more of one kind, pieces of other roles would pass for halves: only a plain stack may have them
    plain = not layout.embeds and layout.head is None
    for width in {*ins, *outs} - {d}:
        more = ins[width] - outs[width]
        if more and not (plain and ins[width] and outs[width]):
            left[(width, d) if more > 0 else (d, width)] += abs(more)
    if rest[d, d] % 2:
        left[d, d] += 1
    return left


def _widths(shapes: "Counter[tuple[int, int]]", features: int) -> tuple[Counter[int], Counter[int]]:
    """Return how many first and second halves there are of each width; square ones count as both."""
    ins, outs = Counter[int](), Counter[int]()
    for (rows, columns), count in shapes.items():
        if columns == features:
            ins[rows] += count
        if rows == features:
            outs[columns] += count
    return ins, outs


def _sorted(pieces: list[Piece], layout: _Layout, inputs: int, outputs: int, telling: Telling) -> Roles:
    """Return the pieces by their roles under a layout that they fit."""
    left = [*pieces]

    def taken(shape: tuple[int, int], tell: Any = None) -> Piece:
        some = [piece for piece in left if piece.shape == shape]
        one = some[0] if len(some) == 1 else tell(some)
        left.remove(one)
        return one

    def no_head(some: list[Piece]) -> Piece:
        shape = list(some[0].shape)
        raise PuzzleError(
            f"{len(some)} pieces {shape}, one of which is a layer before the readout: nothing tells which"
        )

    d, square = layout.features, (layout.features, layout.features)
    head = None if layout.head is None else taken((layout.head, d), no_head)
    # a readout is told by what it reads, a first layer by what the readout makes of it
    readouts = [piece for piece in left if piece.shape == (outputs, d if head is None else head.shape[0])]
    firsts = [piece for piece in left if piece.shape == (d, inputs)] if layout.embeds else []
    known = firsts[0] if len(firsts) == 1 else None
    if len(readouts) > 1 and layout.embeds and known is None:
        raise PuzzleError(
            f"{len(readouts)} pieces {list(readouts[0].shape)} and {len(firsts)} pieces {list(firsts[0].shape)}: "
            "nothing tells which of them are the readout and the layer before the blocks"
        )
    last = taken(readouts[0].shape, lambda some: telling.readout(some, known))
    reads = last.weight if head is None else last.weight @ head.weight
    first = taken((d, inputs), lambda some: telling.first(some, reads)) if layout.embeds else None
    ins = [piece for piece in left if piece.shape[1] == d and piece.shape != square]
    outs = [piece for piece in left if piece.shape[0] == d and piece.shape != square]
    both = [piece for piece in left if piece.shape == square]
    ins, outs = (
        sorted(own + more, key=lambda piece: piece.id)
        for own, more in ((ins, both[: len(both) // 2]), (outs, both[len(both) // 2 :]))
    )
    return Roles(ins, outs, last, first, head)


def _unfit(pieces: list[Piece], inputs: int, outputs: int) -> PuzzleError:
    """Return why pieces make no stack whose features are the inputs, the simplest that they could be."""
    lasts = [piece for piece in pieces if piece.shape == (outputs, inputs)]
    if not lasts:
        shapes = ", ".join(f"{count} of {list(shape)}" for shape, count in _counted(pieces).most_common(4))
        return PuzzleError(f"no readout among the pieces: expected one weight [{outputs}, {inputs}], found {shapes}")
    hidden = _hidden_width(pieces, inputs, outputs)
    if hidden is None:
        return PuzzleError(
            f"no blocks among the {len(pieces)} pieces: expected weights [H, {inputs}] and [{inputs}, H]"
        )
    if len(lasts) > 1 and hidden != outputs:
        return PuzzleError(
            f"{lasts[0].file} and {lasts[1].file}: both are readouts [{outputs}, {inputs}]; expected one"
        )
    counts = _counted(pieces)
    ins, outs = counts[hidden, inputs] - (hidden == outputs), counts[inputs, hidden]
    widths = _widths(counts - Counter([(outputs, inputs)]), inputs)
    for piece in pieces:
        half = piece.shape[1] == inputs or piece.shape[0] == inputs
        width = piece.shape[0] if piece.shape[1] == inputs else piece.shape[1]
        partnered = width == hidden or (width in widths[0] and width in widths[1])
        if piece is not lasts[0] and not (half and partnered):
            return PuzzleError(
                f"{piece.file}: weight {list(piece.shape)}; expected [{hidden}, {inputs}] or [{inputs}, {hidden}] "
                f"as of the other halves, or [{outputs}, {inputs}] as of the readout"
            )
    if hidden == inputs:
        return PuzzleError(f"{counts[inputs, inputs]} pieces [{inputs}, {inputs}]; expected two for each block")
    gaps = f"; numbers missing: {missing}" if (missing := missing_ids(pieces)) else ""
    return PuzzleError(
        f"{ins} first halves [{hidden}, {inputs}] but {outs} second halves [{inputs}, {hidden}]; "
        f"expected at least one of each{gaps}"
    )


def _counted(pieces: list[Piece]) -> "Counter[tuple[int, int]]":
    return Counter(piece.shape for piece in pieces)


def _hidden_width(pieces: list[Piece], features: int, outputs: int) -> int | None:
    """Return H: the width that most pieces agree on; None: there are no halves."""
    ins, outs = _widths(_counted(pieces) - Counter([(outputs, features)]), features)
    widths = ins + outs
    return widths.most_common(1)[0][0] if widths else None
