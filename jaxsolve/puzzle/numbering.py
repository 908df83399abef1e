"""Host: the ids of pieces, from what their files and tensors are called."""

import re
from collections import Counter
from collections.abc import Sequence

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.natural import natural

DIGITS = re.compile(r"\d+")
PIECE = re.compile(r"(?:^|[./])piece_(\d+)(?!\d)")
LAST = re.compile(r"^\D*(\d+)\D*$")


def numbered(labels: Sequence[str], files: Sequence[str], *, most: int = 9) -> list[int] | None:
    """Return the id of each piece by the number in its label; None: the numbers do not tell them apart.

    The number is the last one that differs between labels that are alike but for their numbers. Labels of another kind,
    such as ``head``, are numbered behind them, in their natural order.

    Parameters
    ----------
    labels
        What pieces are called, without suffixes.
    files
        Where they are from, for errors.
    most
        Digits of a number.

    Raises
    ------
    PuzzleError
        Two pieces that have one number in their names have the same, or one is too long.
    """
    for pattern in (PIECE, LAST):  # piece_3 of any names, or one number each
        found = [pattern.search(label) for label in labels]
        ids = [int(one[1]) for one in found if one and len(one[1].lstrip("0")) <= most]
        if len(ids) == len({*ids}) == len(labels):
            return ids
    kinds = [DIGITS.sub("#", label) for label in labels]
    common = Counter(kind for kind in kinds if "#" in kind).most_common(1)
    if not common or 2 * common[0][1] < len(labels):
        return None
    alike = [k for k, kind in enumerate(kinds) if kind == common[0][0]]
    columns = [*zip(*(DIGITS.findall(labels[k]) for k in alike), strict=True)]
    alone = len(columns) == 1
    for column in columns[::-1]:
        long = next((k for k, digits in zip(alike, column, strict=True) if len(digits.lstrip("0")) > most), None)
        if long is not None and alone:
            number = DIGITS.findall(labels[long])[0]
            raise PuzzleError(f"{files[long]}: number {number[:12]}… is too long; expected at most {most} digits")
        if long is not None:
            continue
        found = dict[int, int]()
        for k, digits in zip(alike, column, strict=True):
            if int(digits) in found and alone:
                raise PuzzleError(f"piece {int(digits)} is given twice: {files[found[int(digits)]]} and {files[k]}")
            found[int(digits)] = k
        if len(found) == len(alike):
            others = sorted({*range(len(labels))} - {*alike}, key=lambda k: natural(labels[k]))
            ids = {k: number for number, k in found.items()}
            ids |= {k: max(found) + 1 + place for place, k in enumerate(others)}
            return [ids[k] for k in range(len(labels))]
    return None


def without_common(labels: Sequence[str]) -> list[str]:
    """Return labels without the words at their beginning that all of them have, but for the last word."""
    words = [re.split(r"[./]", label) for label in labels]
    shared = 0
    while all(len(row) > shared + 1 for row in words) and len({row[shared] for row in words}) == 1:
        shared += 1
    return [".".join(row[shared:]) for row in words]
