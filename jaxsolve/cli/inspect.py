"""Host: ``jaxsolve inspect``."""

from typing import TYPE_CHECKING, Any

from jaxsolve.architecture import ARCHITECTURES
from jaxsolve.cli import arguments, terminal

if TYPE_CHECKING:
    from jaxsolve.puzzle import Puzzle


@terminal.guarded
def inspect(
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    architecture: arguments.ArchitectureName = "auto",
    json: arguments.Json = False,
) -> None:
    """Show what is in a puzzle: shapes, ids, rows, ranges, and what is wrong with it."""
    found = facts(arguments.load(puzzle, architecture=architecture))
    terminal.result_json(found) if json else terminal.result(terminal.table(list(_shown(found))))


def facts(puzzle: "Puzzle") -> dict[str, Any]:
    """Return what can be told of a puzzle without searching; blocks are as many as can run."""
    from jaxsolve.certificate.information import information
    from jaxsolve.puzzle.answers import pieces_of
    from jaxsolve.puzzle.padding import inputs_of, unpadded
    from jaxsolve.puzzle.units import hints

    label, puzzle = puzzle.label, unpadded(puzzle)
    ins, outs = len(puzzle.in_ids), len(puzzle.out_ids)
    inputs = inputs_of(puzzle)
    norms = [] if puzzle.given.normed is None else [norm.id for norm in puzzle.given.normed.norms]
    return {
        "name": puzzle.name,
        "blocks": min(ins, outs),
        "features": puzzle.features,
        "hidden": puzzle.hidden,
        "outputs": puzzle.outputs,
        "inputs": inputs.shape[1],
        "pieces": len(pieces_of(puzzle) | {*norms}),
        "architecture": puzzle.given.architecture,
        "candidates": _candidates(puzzle),
        "gate_ids": sorted(puzzle.given.gates.values()),
        "widths": sorted({puzzle.width_of(int(piece)) for piece in puzzle.in_ids}),
        "first_id": puzzle.first and puzzle.first.id,
        "head_id": puzzle.head and puzzle.head.id,
        "norm_ids": norms,
        "square_ids": sorted(puzzle.given.square),
        "without_bias": sorted(puzzle.given.unbiased),
        "w_in_ids": puzzle.in_ids.tolist(),
        "w_out_ids": puzzle.out_ids.tolist(),
        "readout_id": puzzle.last_id,
        "dtype": puzzle.dtype,
        "rows": puzzle.rows,
        "input_range": [float(inputs.min()), float(inputs.max())],
        "pred_range": [float(puzzle.y.min()), float(puzzle.y.max())],
        "pred_variance": puzzle.variance,
        "label_mse": None if label is None else float(((puzzle.y - label) ** 2).mean()),
        "expected_sha256": puzzle.expected_sha256,
        "names": {str(piece): name for piece, name in puzzle.given.names.items()},
        "lacking": information(puzzle).lacking,
        "hints": hints(puzzle),
        "notes": list(puzzle.notes),
    }


def _candidates(puzzle: "Puzzle", *, few: int = 4) -> list[str]:
    """Return what else the pieces might be by their shapes, and what they would leave over, up to a `few`."""
    from jaxsolve.architecture.pieces import Piece
    from jaxsolve.architecture.roles import candidates
    from jaxsolve.puzzle.padding import inputs_of
    from jaxsolve.puzzle.write import layers_of

    if puzzle.given.whole:
        return []
    tensors = [layer for _, layer in layers_of(puzzle) if layer["weight"].ndim == 2]
    pieces = [Piece(k, "", layer["weight"], layer["weight"][:, 0], "") for k, layer in enumerate(tensors)]
    every = candidates(pieces, inputs_of(puzzle).shape[1], puzzle.outputs)
    return [one.words for one in every if 2 * one.left.total() <= len(pieces)][:few]


def _shown(found: dict[str, Any]) -> list[tuple[str, str]]:
    low, high = found["input_range"]
    pred_low, pred_high = found["pred_range"]
    label = "no column 'true'" if found["label_mse"] is None else f"MSE of pred against it {found['label_mse']:.4g}"
    d, hidden = found["features"], " or ".join(map(str, found["widths"]))
    named = "first halves and gates" if found["gate_ids"] else "first halves"
    first = named, f"[{hidden}, {d}]", sorted([*found["w_in_ids"], *found["gate_ids"]])
    halves = first, ("second halves", f"[{d}, {hidden}]", found["w_out_ids"])
    if found["square_ids"] and len(found["widths"]) == 1:
        halves = (("halves, first or second", f"[{d}, {d}]", found["square_ids"]),)
    outer = [
        ("layer before the blocks", f"[{d}, {found['inputs']}]  id {found['first_id']}", found["first_id"]),
        ("layer before the readout", f"id {found['head_id']}", found["head_id"]),
        ("norms", f"[{d}]  ids {_ids(found['norm_ids'])}", found["norm_ids"] or None),
        ("without bias", f"ids {_ids(found['without_bias'])}", found["without_bias"] or None),
    ]
    most = "" if len(found["w_in_ids"]) == len(found["w_out_ids"]) else "at most "
    return [
        ("puzzle", found["name"]),
        (
            "network",
            f"{most}{found['blocks']} blocks of {d}/{hidden}, one readout: {found['pieces']} pieces, {found['dtype']}",
        ),
        *((what, f"{shape}  ids {_ids(ids)}") for what, shape, ids in halves),
        *((what, told) for what, told, there in outer if there is not None),
        ("readout", f"[{found['outputs']}, {'M' if found['head_id'] is not None else d}]  id {found['readout_id']}"),
        (
            "architecture",
            ARCHITECTURES[name].words if (name := found["architecture"]) in ARCHITECTURES else "whole blocks",
        ),
        *(("by shapes", text) for text in found["candidates"]),
        ("rows", str(found["rows"])),
        ("inputs", f"{low:.4g} … {high:.4g}"),
        ("pred", f"{pred_low:.4g} … {pred_high:.4g}, variance {found['pred_variance']:.4g}"),
        ("true", label),
        ("expected hash", found["expected_sha256"] or "not given"),
        *((f"piece {piece}", name) for piece, name in found["names"].items()),
        *([("unidentifiable", found["lacking"])] if found["lacking"] else []),
        *(("perhaps", text) for text in found["hints"]),
        ("wrong with it", "; ".join(found["notes"]) or "nothing"),
    ]


def _ids(ids: list[int]) -> str:
    return ",".join(map(str, ids)) if len(ids) <= 8 else ",".join(map(str, [*ids[:4], "…", *ids[-3:]]))
