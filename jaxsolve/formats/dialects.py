"""Host: the dialects of text tables, made plain: UTF-8, decimal points, exponents with an e.

Spreadsheets write UTF-16, semicolons and decimal commas; Fortran writes exponents with a D.
"""

import csv
import re

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.gzipped import MAGIC, gunzip
from jaxsolve.formats.limits import Limits

BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe\0\0": "utf-32-le", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
"""What texts begin with that say their encoding, longer ones before their beginnings."""
SEPARATOR = re.compile(rb'\A(?:\s*\n)?(?:"?sep=.?"?\r?\n)?')
"""Empty lines before a table, and what Excel says of it."""
DELIMITERS = ",;\t|"
COMMA = re.compile(rb"[+-]?\d*,\d+(?:[eEdD][+-]?\d+)?")
QUOTED = re.compile(rb'"\s*([+-]?\d*),(\d+(?:[eEdD][+-]?\d+)?)\s*"')
"""A number with a decimal comma where commas separate columns, too."""
THOUSANDS = re.compile(rb"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
POINT = re.compile(rb"[+-]?\d*\.\d+(?:[eEdD][+-]?\d+)?")
FORTRAN = re.compile(rb"[+-]?\d*[.,]?\d*[dD][+-]?\d+")
EXPONENT = re.compile(rb"(?<=[\d.])[dD](?=[+-]?\d)")


def as_text(data: bytes, name: str, limits: Limits) -> bytes:
    """Return the text in a file as UTF-8 without a mark at its beginning, unpacked if it is packed by gzip.

    Raises
    ------
    PuzzleError
        It is damaged, no text, or an archive bomb.
    """
    data = gunzip(data, name, limits) if data.startswith(MAGIC) else data
    bom = next((bom for bom in BOMS if data.startswith(bom)), b"")
    encoding = BOMS.get(bom) or ("utf-16-le" if data[1:2] == b"\0" else "utf-16-be" if data[:1] == b"\0" else "utf-8")
    if encoding == "utf-8":
        data = data.removeprefix(bom)
        data = data if b"\n" in data else data.replace(b"\r", b"\n")
        before = SEPARATOR.match(data)
        return data[before.end() :] if before and before.end() else data
    try:
        return data.removeprefix(bom).decode(encoding).encode()
    except UnicodeError as error:
        raise PuzzleError(f"{name}: not a CSV text file ({error})") from error


def delimiter_of(line: bytes) -> str:
    """Return what separates the columns in the first line of a table: what there is most of, outside of quotes."""
    bare = re.sub(rb'"[^"]*"', b"", line)
    return max(DELIMITERS, key=lambda one: bare.count(one.encode()))


def plain(data: bytes, delimiter: str, cells: list[int], *, sample: int = 1 << 14, longest: int = 100) -> bytes:
    """Return a table whose numbers have decimal points and exponents with an e.

    Its first rows, within a `sample` of bytes, say how it spells them in `cells`, columns that hold numbers; those as
    long as `longest` are not looked at.

    Raises
    ------
    ValueError
        Some numbers have decimal commas, others decimal points.
    """
    end = data.find(b"\n") + 1 or len(data)
    found = _rows(data[end : end + sample], delimiter)
    sure = [row[k].encode() for row in found for k in cells if k < len(row) and len(row[k]) < longest]
    every = [cell.encode() for row in found for cell in row if len(cell) < longest]
    seen = every if delimiter != "," else sure  # there, what else has a comma is text
    commas = any(COMMA.fullmatch(cell) for cell in sure)
    if delimiter == "," and all(map(THOUSANDS.fullmatch, filter(COMMA.fullmatch, sure))):
        commas = False  # who knows whether 1,234 is more than a thousand or little more than one
    elif any(map(COMMA.fullmatch, seen)) and any(map(POINT.fullmatch, seen)):
        raise ValueError("numbers with decimal commas and with decimal points; expected one kind")
    fortran = any(FORTRAN.fullmatch(cell) for cell in sure)
    if not (commas or fortran):
        return data
    head, body = data[:end], data[end:]
    if commas:
        body = body.replace(b",", b".") if delimiter != "," else QUOTED.sub(rb"\1.\2", body)
    return head + (EXPONENT.sub(b"e", body) if fortran else body)


def _rows(body: bytes, delimiter: str, *, most: int = 50) -> list[list[str]]:
    """Return the cells of the first rows, the last of which may be cut; none where they are no rows."""
    lines = body.decode(errors="replace").splitlines()[:most]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)]
    except csv.Error:
        return []
    return rows[:-1] if len(rows) > 1 else rows
