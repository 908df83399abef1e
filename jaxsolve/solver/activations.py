"""Host: the activation of the blocks where nobody has said it: the one under which the error falls."""

from collections.abc import Sequence

import numpy as np

from jaxsolve.architecture import same, unusual
from jaxsolve.certificate import Certificate
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, read_as
from jaxsolve.puzzle.padding import usual_forms


def rank_activations(
    puzzle: Puzzle, assemblies: Sequence[Assembly], rows: int | None = None
) -> list[tuple[str, float]]:
    """Return all usual forms with the mean squared error of the best of some assemblies under each, lowest first.

    Parameters
    ----------
    puzzle, assemblies
        The puzzle, whatever it is read as, and what to compare: the answer, or some first orders.
    rows
        Compare on the first so many rows; None: on all, in float64.
    """
    return _ranked(puzzle, usual_forms(puzzle), assemblies, rows)


def telling_forms(
    puzzle: Puzzle, assemblies: Sequence[Assembly], *, rows: int, bad: float, clearly: float, most: int
) -> list[tuple[str, float]]:
    """Return unusual forms that some first orders fit clearly better than usual ones, and their errors, lowest first.

    Parameters
    ----------
    puzzle, assemblies, rows
        What is compared, on the first so many rows.
    bad
        Share of the variance that usual forms leave at least where unusual ones are looked at, and these at most.
    clearly
        Share of the lowest error of the usual ones that unusual ones leave at most.
    most
        How many are returned.
    """
    least = bad * puzzle.variance
    # the puzzle as it is read first, which mostly settles it
    if puzzle.activation_given or not _ranked(puzzle, [puzzle.activation], assemblies, rows)[0][1] > least:
        return []
    lowest = rank_activations(puzzle, assemblies, rows)[0][1]
    if not lowest > least:
        return []
    ranked = _ranked(puzzle, unusual(embeds=puzzle.first is not None), assemblies, rows)
    return [(name, loss) for name, loss in ranked if loss < min(least, clearly * lowest) and same(name) == name][:most]


def _ranked(
    puzzle: Puzzle, names: Sequence[str], assemblies: Sequence[Assembly], rows: int | None
) -> list[tuple[str, float]]:
    found, dtype = {}, np.float64 if rows is None else np.float32
    for name in names:
        sample = read_as(puzzle, name).first_rows(rows)
        losses = [mean_squared_error(sample, assembly, dtype) for assembly in assemblies]
        found[name] = float(np.nan_to_num(losses, nan=np.inf).min(initial=np.inf))
    return sorted(found.items(), key=lambda item: item[1])


def akin(a: str, b: str) -> bool:
    """Return whether two activations are the same, or differ so little that only the right answer tells them apart."""
    return same(a) == same(b)


def better_activation(
    puzzle: Puzzle, assembly: Assembly, mse: float, *, rows: int, better: float, close: float
) -> str | None:
    """Return the activation that an answer with an error fits better than that of its puzzle; None: there is none.

    Activations that are nearly the same are exchanged only once an answer accounts for most of the predictions.

    Parameters
    ----------
    puzzle, assembly, mse
        The puzzle, the answer, and its error over all rows.
    rows
        Rows that tell whether to look at all of them.
    better
        Share of the error that another activation leaves at most.
    close
        Share of the variance that an answer leaves at most where activations that are nearly the same are told apart.
    """
    if puzzle.activation_given or rank_activations(puzzle, [assembly], rows)[0][0] == puzzle.activation:
        return None
    name, lowest = rank_activations(puzzle, [assembly])[0]
    nearly = akin(name, puzzle.activation) and mse <= close * puzzle.variance
    return name if name != puzzle.activation and lowest < mse * (1 if nearly else better) else None


def equally_good(puzzle: Puzzle, certificate: Certificate, better: float = 0.9) -> dict[str, float]:
    """Return the errors of an answer under other activations that fit it about as well, where none was given.

    `better` is as of `better_activation`.
    """
    if puzzle.activation_given or not certificate.solved or (certificate.exact and not _has_akin(puzzle)):
        return {}
    ranked = rank_activations(puzzle, [puzzle.assembly(certificate.permutation)])
    most = max(certificate.mse / better, certificate.tolerance)
    return {name: mse for name, mse in ranked if name != puzzle.activation and mse <= most}


def _has_akin(puzzle: Puzzle) -> bool:
    """Return whether another form is nearly the same."""
    names = usual_forms(puzzle)
    return any(akin(name, puzzle.activation) for name in names if name != puzzle.activation)
