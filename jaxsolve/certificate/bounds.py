"""Host: what an answer is held against, and how many others it is compared with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """What an answer has to pass to be called right."""

    explained: float = 4.0
    """Standard deviations up to which what is left counts as unexplained: right answers had at most 2.0, wrong ones
    9.8."""
    alike: float = 4.0
    """Standard errors within which two answers fit equally well."""
    fit: float = 0.9
    """Share of the variance of the predictions that an answer has to account for.

    It refuses what nobody has measured, noise of more than a third of the predictions' own spread; it proves nothing,
    for wrong local optima account for 0.57 to 0.997."""
    rows: int = 1000
    """Rows below which noise is not told from a wrong answer.

    With noise of 0.01, 300 rows still show that wrong local optima of trained networks leave something to explain (z 7
    to 12), but 20 to 30 moves away from the right answer of the famous puzzle are within `alike` of it, and which of
    them is lowest is chance; with 1,000 rows 0 to 5 are."""
    rounded_rows: int = 100
    """Rows below which it is not told where all are within half a step of rounding: each is then a test of its own."""
    family_wise_error: float = 1e-3
    """Probability at most, over all single moves, that one is taken for worse than the answer and is not
    (Bonferroni)."""
    separation: float = 2.0
    """Times what is left unexplained by which each single move has to raise the squared error, for an answer to be
    identified. Of 278 wrong local optima of small nets none came beyond 0.49, also of those with an R² of 0.99; right
    answers in other arithmetics, and of rounded pieces, begin at 127, pruned ones at 2.45
    (bench/results/2026-11-29-verdicts.md)."""


@dataclass(frozen=True)
class Rivals:
    """Numbers of rivals that are compared with an answer, and of rows that rank them."""

    rows: int = 256
    """Rows on which moves of both kinds are ranked to first order where noise hides which are closest."""
    exact_rows: int = 1024
    """Rows on which moves are evaluated exactly."""
    flops: float = 4e10
    """Operations up to which all moves are evaluated so: half a second of a core, for 16 blocks of 16/32."""
    shortlist: int = 64
    """Moves that are evaluated so beyond that: so many that change least, and so many that promise most."""
    together: int = 8
    """Rivals that are evaluated on all rows before it is asked whether more are wanted."""
    least: int = 16
    """Rivals that are compared on all rows in any case: the nearest by the difference and by its t."""
    most: int = 32
    """Rivals that are compared on all rows at most, where noise hides which are as good."""


BOUNDS, RIVALS = Bounds(), Rivals()
