"""Host: ``jaxsolve pair``."""

from typing import Any

from jaxsolve.cli import arguments, terminal
from jaxsolve.errors import UsageError
from jaxsolve.pairing import PAIRINGS, Pairing, pair as pair_by, rank_pairings


@terminal.guarded
def pair(
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    architecture: arguments.ArchitectureName = "auto",
    pairing: arguments.PairingName = "auto",
    activation: arguments.Activation = "relu",
    link: arguments.LinkName = "auto",
    standardise_inputs: arguments.Standardised = False,
    json: arguments.Json = False,
) -> None:
    """Show which halves belong together by one score, and how clearly.

    A half without a partner is shown with "-". Most scores compare only
    weights. discriminant, template and probe also use the data, for which
    the options say what the network is.
    """
    if pairing == "none":
        raise UsageError(
            "--pairing none finds pairs together with the order, which solve does; probe is a score from the data alone"
        )
    given = arguments.with_roles(arguments.load(puzzle, activation, link, standardise_inputs, architecture))
    scores = [pair_by(given, name) for name in (PAIRINGS if pairing == "auto" else [pairing])]
    best = next(rank_pairings(given, PAIRINGS)) if pairing == "auto" else scores[0]

    def row(score: Pairing) -> dict[str, Any]:
        return {
            "pairing": score.name,
            "certain": score.certain,
            "argmax_differences": score.argmax_differences,
            "median_margin": score.evidence[1],
            "smallest_margin": float(score.margins.min()),
        }

    pairs = [
        {
            "pair": [None if k < 0 else int(k) for k in (given.in_ids[i], given.out_ids[j])],
            "score": float(best.scores[i, j]) if best.whole[i] else None,
            "margin": float(best.margins[i]),
        }
        for i, j in enumerate(best.partner)
    ]
    if json:
        terminal.result_json({"pairing": best.name, "pairs": pairs, "scores": [row(score) for score in scores]})
        return
    head = ("score", f"certain of {given.blocks}", "differ from argmax", "median margin", "smallest margin")
    lines = [head] + [
        (
            f"{score.name}{' *' if score.name == best.name else ''}",
            str(score.certain),
            str(score.argmax_differences),
            f"{score.evidence[1]:.2f} sd",
            f"{score.margins.min():.2f} sd",
        )
        for score in scores
    ]
    listed = [("pair", "score", "margin")] + [
        (
            ",".join("-" if piece is None else str(piece) for piece in entry["pair"]),
            "-" if entry["score"] is None else f"{entry['score']:.4f}",
            f"{entry['margin']:.2f} sd",
        )
        for entry in pairs
    ]
    terminal.result(f"{terminal.table(lines)}\n\npairs by {best.name}\n{terminal.table(listed)}")
