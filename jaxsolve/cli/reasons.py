"""Host: why an answer came out as it did, in short lines: what was trusted, what was changed, what is left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxsolve.cli.answers import noise_of

if TYPE_CHECKING:
    from jaxsolve.solver import Solution


def reasons(solution: "Solution") -> dict[str, str]:
    """Return the reasons by what they are reasons for, in the order of the solver's steps."""
    if solution.certificate is None or solution.attempt is None:
        return {}
    found = {
        "pairs": _pairs(solution),
        "order": _order(solution),
        "search": _search(solution),
        "activation": _activation(solution),
        "units": _units(solution),
        "noise": _noise(solution),
        "alike": _alike(solution),
        "left out": _left_out(solution),
        "missing": "; ".join(gap.sentence for gap in solution.unfilled),
    }
    return {name: text for name, text in found.items() if text}


def _some(items: Sequence[object], most: int = 6) -> str:
    """Return the first of some things, and how many more there are."""
    return ", ".join(map(str, items[:most])) + f" and {len(items) - most} more" * (len(items) > most)


def counted(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _pairs(solution: "Solution") -> str:
    assert solution.attempt is not None
    pairing = solution.attempt.pairing
    margins = pairing.margins[pairing.whole]
    sure = f"{pairing.certain} of {len(pairing.partner)} certain by {pairing.name}"
    if len(margins) and np.isfinite(margins).all():
        sure += f" (margins from {margins.min():.1f}, median {np.median(margins):.1f} sd)"
    changed = solution.exchanged
    return f"{sure}, {changed} exchanged by the search" if changed else sure


def _order(solution: "Solution") -> str:
    attempt = solution.attempt
    assert attempt is not None
    from jaxsolve.certificate import error_words

    told = error_words(attempt.start_loss, attempt.puzzle.variance)
    return f"{attempt.order_seed}, {told} on {attempt.problem.rows} rows"


def _search(solution: "Solution") -> str:
    rounds, moved = solution.rounds, solution.moved
    assert solution.attempt is not None
    moves = sum(done.moves for done in rounds)
    text = f"{solution.attempt.search}, {counted(moves, 'move')} in {counted(len(rounds), 'round')}"
    return f"{text}; {counted(moved, 'block')} moved" if moved else text


def _activation(solution: "Solution") -> str:
    name = solution.puzzle.activation
    if solution.puzzle.activation_given:
        return "" if name == "relu" else f"{name}, as was said"
    others = {one: mse for one, mse in solution.readings.items() if one != name and np.isfinite(mse)}
    if not others and not solution.alike_activations:
        return "" if name == "relu" else name
    from jaxsolve.certificate import error_words

    worse = {one: mse for one, mse in others.items() if one not in solution.alike_activations}
    words = (f"{error_words(mse, solution.puzzle.variance)} with {one}" for one, mse in worse.items())
    told = "; ".join(words)
    text = f"{name}, guessed: the lowest error{f', against {told}' if told else ''}"
    alike = ", ".join(solution.alike_activations)
    return f"{text}; {alike} fits as well" if alike else text


def _units(solution: "Solution") -> str:
    units = solution.puzzle.units
    parts = [f"predictions are {units.words}"] if units.words else []
    if units.ddof is not None:
        parts.append("inputs standardised with the statistics of the table")
    return "; ".join(parts)


def _noise(solution: "Solution") -> str:
    noise = solution.certificate and noise_of(solution.certificate)
    if noise is None:
        return ""
    if noise["rounded"]:
        return f"rounding to {noise['quantum']}"
    grid = f", rounded to {noise['quantum']}" if noise["quantum"] else ""
    return f"standard deviation {noise['sd']:#.3g}{grid}"


def _alike(solution: "Solution") -> str:
    certificate, evidence = solution.certificate, solution.certificate and solution.certificate.evidence
    if certificate is None or evidence is None or not evidence.alike or not certificate.settled:
        return ""
    alike = [f"{rival.kind} {rival.positions[0]} and {rival.positions[1]}" for rival in evidence.alike]
    return f"as good: {_some(alike)}"


def _left_out(solution: "Solution") -> str:
    left = solution.unused
    if not left:
        return ""
    solved = solution.status == "solved"
    return f"{_some(left)}: {'the predictions need no such piece' if solved else 'in no block of the best answer'}"
