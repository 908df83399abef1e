"""Host: the figures that need the puzzle of a run: pair scores, and what the blocks of the answer are like."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxsolve.analysis import Analysis, PairScore, Subject, analyze, subject_of
from jaxsolve.errors import JaxsolveError, UsageError
from jaxsolve.puzzle import Puzzle, read_as, read_puzzle
from jaxsolve.puzzle.demo import DEMO_FILE
from jaxsolve.records import Record
from jaxsolve.report.charts import FIGURES, best_score, pair_heatmap, pair_histogram
from jaxsolve.report.figure import Figure
from jaxsolve.report.history import permutation_of
from jaxsolve.report.markup import shown

ELSEWHERE = "--puzzle PATH says where it is now"
BY_POSITION = {
    "delta-norm": ("forward", "delta_norm"),
    "update-ratio": ("forward", "ratio"),
    "effective-rank": ("products", "effective_rank"),
    "traces": ("products", "traces"),
    "active-fraction": ("forward", "active_fraction"),
    "state-norm": ("forward", "state_norm"),
}
"""Figures of values by position: the measurement, and which of its values."""


class NotDrawnError(JaxsolveError):
    """There is nothing to draw of a puzzle; the reason is for the reader of the report."""


def puzzle_of(record: Record, given: str | None = None) -> Puzzle:
    """Return the puzzle of a run, from where it was then, or from where the user says that it is now.

    Raises
    ------
    JaxsolveError
        It is no longer there, cannot be read, or has changed since; of kind `NotDrawnError` where nothing was named.
    """
    about = record.fields["puzzle"]
    path = str(about.get("path") or "") if given is None else given
    activation = about.get("activation")
    if given is None and not path:
        raise NotDrawnError(f"the record does not say where the puzzle is; {ELSEWHERE}")
    try:
        where = DEMO_FILE if path == "demo" else Path(path)
        puzzle = read_puzzle(where, activation=activation if isinstance(activation, str) else "relu")
    except (JaxsolveError, ValueError, OSError) as error:
        if given is not None and isinstance(error, JaxsolveError):
            raise
        raise NotDrawnError(f"{str(error).split('; ')[0]}; {ELSEWHERE}") from error
    if puzzle.fingerprint != about.get("fingerprint"):
        text = f"{path}: another puzzle than that of the run, or changed since"
        raise NotDrawnError(f"{text}; {ELSEWHERE}") if given is None else UsageError(f"--puzzle {text}")
    return puzzle


def measured(record: Record, puzzle: Puzzle, *, rows: int = 2000) -> Analysis:
    """Measure pair scores and blocks of the answer of a run, activations on the first rows.

    Raises
    ------
    NotDrawnError
        There is no answer yet, or it runs no block.
    """
    permutation = permutation_of(record.fields)
    if permutation is None:
        raise NotDrawnError("nothing is found yet whose blocks could be measured")
    activation = (record.fields["report"] or {}).get("activation")
    try:
        puzzle = read_as(puzzle, activation) if isinstance(activation, str) else puzzle
        subject = subject_of(puzzle, permutation, rows=rows)
        return analyze(subject, ("pair_scores", "products", "forward"))
    except JaxsolveError as error:
        raise NotDrawnError(f"the order that was found does not fit the puzzle ({error})") from error


def pair_figures(analysis: Analysis, pairing: str | None, word: str, *, largest: int = 200) -> list[Figure]:
    """Return the heat map and the histogram of one score: that which the run went by, or else the clearest.

    `word` is what the best order is called. There is no heat map of more than `largest` halves of a kind: every pair is
    a mark.
    """
    scores: Sequence[PairScore] = analysis.results.get("pair_scores", ())
    if not scores:
        return []
    score = next((one for one in scores if one.name == pairing), None) or best_score(tuple(scores))
    note, found, size = _note(analysis.subject, word), list[Figure](), score.scores.size
    if max(score.scores.shape) <= largest:
        table = _block_scores(analysis.subject, score)
        found.append(Figure("pair-heatmap", pair_heatmap(score, note), *table, points=size))
    edges, pairs, others = score.histogram()
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), pairs.tolist(), others.tolist(), strict=True)
    rows = [row for row in bins if row[2] or row[3]]
    headings = ("from", "to", "blocks", "all other pairs")
    return [*found, Figure("pair-scores", pair_histogram(score, note), headings, rows, points=size)]


def position_figures(analysis: Analysis, word: str) -> list[Figure]:
    """Return what the blocks are like by position, one figure a property; `word` is what their order is called."""
    subject, found = analysis.subject, list[Figure]()
    pieces = [f"{i}, {j}" for i, j in subject.piece_ids]
    for name, (needed, values) in BY_POSITION.items():
        if needed not in analysis.results:
            continue
        chart = FIGURES[name][1](analysis.results[needed], _note(subject, word))
        column = getattr(analysis.results[needed], values).tolist()
        rows = [(t, pieces[t] if t < len(pieces) else "readout", value) for t, value in enumerate(column)]
        few = f"By position: {'; '.join(str(shown(value)) for value in column)}"
        found.append(Figure(name, chart, ("position", "pieces", "value"), rows, few=few))
    return found


def _block_scores(subject: Subject, score: PairScore) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
    """Return the score of each block and of the best other pair of either half, by position."""
    others, rows = np.where(score.right, -np.inf, score.scores), []
    ins, outs = ({piece: k for k, piece in enumerate(ids)} for ids in (score.in_ids, score.out_ids))
    for t, (first, second) in enumerate(subject.piece_ids):
        i, j = ins[first], outs[second]
        rival = float(max(others[i].max(), others[:, j].max()))
        rows.append((t, first, second, float(score.scores[i, j]), rival))
    return ("position", "first half", "second half", "score", "best of their other pairs"), rows


def _note(subject: Subject, word: str) -> str:
    return f"{subject.puzzle.name}, pairs and order of the {word}"
