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
DELIMITERS = ",;\t|"
COMMA = re.compile(rb"[+-]?\d*,\d+(?:[eEdD][+-]?\d+)?")
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
        return data if b"\n" in data else data.replace(b"\r", b"\n")
    try:
        return data.removeprefix(bom).decode(encoding).encode()
    except UnicodeError as error:
        raise PuzzleError(f"{name}: not a CSV text file ({error})") from error


def delimiter_of(line: bytes) -> str:
    """Return what separates the columns in the first line of a table: what there is most of, outside of quotes."""
    bare = re.sub(rb'"[^"]*"', b"", line)
    return max(DELIMITERS, key=lambda one: bare.count(one.encode()))


def plain(data: bytes, delimiter: str, cells: list[int], *, sample: int = 1 << 16, longest: int = 100) -> bytes:
    """Return a table whose numbers have decimal points and exponents with an e.

    Its first row, within a `sample` of bytes, says how it spells them in `cells`, columns that hold numbers; those as
    long as `longest` are not looked at.
    """
    end = data.find(b"\n") + 1 or len(data)
    found = _first_row(data[end : end + sample], delimiter)
    spelled = [found[k].encode() for k in cells if k < len(found) and len(found[k]) < longest]
    commas = delimiter != "," and any(COMMA.fullmatch(cell) for cell in spelled)
    fortran = any(FORTRAN.fullmatch(cell) for cell in spelled)
    if not (commas or fortran):
        return data
    head, body = data[:end], data[end:]
    body = body.replace(b",", b".") if commas else body
    return head + (EXPONENT.sub(b"e", body) if fortran else body)


def _first_row(body: bytes, delimiter: str) -> list[str]:
    """Return the cells of the first row that has some; none if that is no row."""
    lines = (line for line in body.decode(errors="replace").splitlines() if line.strip(delimiter + " "))
    try:
        return [cell.strip() for cell in next(csv.reader(lines, delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return []
