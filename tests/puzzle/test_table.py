"""Tables are read column by column as their header says, or refused with row and column."""

import csv
import functools
import io
import random
import tracemalloc

import numpy as np
import pytest

from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle import Limits
from jaxsolve.puzzle.table import _read_any, read_table
from tests.fuzzing.corpus import tables
from tests.fuzzing.formats import FORMATS

PLAIN = "measurement_0,measurement_1,pred,true\n1,2,3,4\n5,6.5,7e-1,8\n"


def read(text: str | bytes, **parameters):
    return whole(text, **parameters)[:3]


def whole(text: str | bytes, **parameters):
    return read_table(text.encode() if isinstance(text, str) else text, "t.csv", **parameters)


def test_a_plain_table():
    x, y, label = read(PLAIN)
    np.testing.assert_array_equal(x, [[1, 2], [5, 6.5]])
    np.testing.assert_array_equal(y, [3, 0.7])
    np.testing.assert_array_equal(label, [4, 8])


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("measurement_0", '"measurement_0"'),
        PLAIN.replace("\n5,", '\n"5",'),
        PLAIN.replace(",", ", "),
        PLAIN.rstrip("\n"),
        PLAIN + "\n\n",
        "note,measurement_1,pred,true,measurement_0\nhello,2,3,4,1\n,6.5,0.7,8,5\n",
        ",measurement_0,measurement_1,pred,true\n0,1,2,3,4\n1,5,6.5,0.7,8\n",
        "measurement_0,measurement_1,pred,true,,\n1,2,3,4,,\n5,6.5,0.7,8,,\n",
        "measurement_0,measurement_1,pred,true,comment,run\n1,2,3,4,,\n5,6.5,0.7,8,,3\n",
    ],
)
def test_other_spellings_of_the_same_table(text):
    for got, expected in zip(read(text), read(PLAIN), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_measurements_go_by_number_and_true_may_be_missing():
    x, _, label = read("measurement_10,pred," + ",".join(f"measurement_{k}" for k in range(10)) + "\n" + "10,-1," + ",".join(map(str, range(10))))  # fmt: skip
    np.testing.assert_array_equal(x, [np.arange(11)])
    assert label is None


@pytest.mark.parametrize("cell", ["", "unknown", "nan", "inf"])
def test_labels_that_are_not_all_known_are_no_labels(cell):
    x, y, label = read(f"measurement_0,pred,true\n1,2,3\n4,5,{cell}\n")
    np.testing.assert_array_equal(x, [[1], [4]])
    np.testing.assert_array_equal(y, [2, 5])
    assert label is None


def test_without_measurements_all_numeric_columns_are_inputs():
    x, y, label = read("name,b,pred,a,true,when\nfoo,1,9,2,8,monday\nbar,3,9,4,8,friday\n")
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(y, [9, 9])
    np.testing.assert_array_equal(label, [8, 8])


def test_the_quick_and_the_thorough_parser_agree_bit_for_bit():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3)) * 10.0 ** rng.integers(-12, 12, size=(50, 3))
    text = "measurement_0,measurement_1,pred\n" + "\n".join(",".join(map(repr, map(float, row))) for row in values)
    x, y, _ = read(text)
    np.testing.assert_array_equal(np.column_stack([x, y]), values)
    slow = _read_any(text.encode(), ["measurement_0", "measurement_1", "pred"], "t.csv", notes=[])
    np.testing.assert_array_equal(np.column_stack(list(slow.values())), values)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty file"),
        ("\n\n  \n", "empty file"),
        ("measurement_0,pred\n", "no rows"),
        ("measurement_0,true\n1,2\n", "no column 'pred'"),
        ("pred\n1\n", "no numeric input columns"),
        ("name,pred\nfoo,1\n", "no numeric input columns"),
        ("measurement_0,measurement_0,pred\n1,2,3\n", "'measurement_0' appears twice"),
        ("measurement_0,measurement_00,pred\n1,2,3\n", "'measurement_0' appears twice, also as 'measurement_00'"),
        ("measurement_0:pred\n1:2\n", "expected columns separated by commas, semicolons or tabs"),
        ("0.5,1.5,2\n1,2,3\n", "numbers in the first line; expected the names of columns, 'pred' among them"),
        ("measurement_0,pred\n1,1e308\n", "data row 1, column 'pred': 1e+308"),
        ("a,b,pred\n1,2,3\n4,,6\n", "data row 2, column 'b': an empty cell"),
        ("measurement_0,measurement_2,pred\n1,2,3\n", "measurement_1 is missing"),
        ("measurement_0,measurement_999999999999,pred\n1,2,3\n", "is missing"),
        ("measurement_0,pred\n1,2\n3,x\n", "data row 2, column 'pred': 'x'"),
        ("measurement_0,pred\n1,2\n3,\n", "data row 2, column 'pred'"),
        ("measurement_0,pred\nnan,2\n", "data row 1, column 'measurement_0'"),
        ("measurement_0,pred\n1,inf\n", "data row 1, column 'pred': inf"),
        ("measurement_0,pred\n1,2\n3\n", "data row 2, column 'pred'"),
        ("measurement_0,pred\n1,2\n3,4,5\n", "not a table of 2 columns"),
        ("measurement_0,pred\n1,2,3\n4,5,6\n", "not a table of 2 columns"),
        ('measurement_0,pred\n1,"2\n', "t.csv"),
        (b"\xff\xfe\x00m\x00", "not a CSV text file"),
        (b"\x00\x01\x02pred\n1\n", "t.csv"),
        (b"measurement_0,pred\n1,\xff\n", "t.csv"),
    ],
)
def test_damage_is_named(text, why):
    with pytest.raises(PuzzleError, match=r"^t.csv: ") as error:
        read(text)
    assert why in str(error.value)


def test_of_mutated_tables_what_is_read_is_what_the_csv_module_reads(tmp_path):
    seeds, accepted = tables(tmp_path)[:4], 0
    for k in range(400):
        data = FORMATS["csv"].mutate(random.Random(k), seeds, tmp_path)
        try:
            x, y, _ = read(data)
        except PuzzleError:
            continue
        accepted += 1
        head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), skipinitialspace=True)
        rows, head = [row for row in rows if "".join(row).strip()], [name.strip() for name in head]
        numbered = sorted((int(name[12:]), k) for k, name in enumerate(head) if name.startswith("measurement_"))
        np.testing.assert_array_equal(y, [float(row[head.index("pred")]) for row in rows])
        np.testing.assert_array_equal(x, [[float(row[k]) for _, k in numbered] for row in rows])
    assert accepted > 20


def test_text_in_a_table_takes_no_memory_beyond_a_part_of_it():
    rows = 300_000
    data = b"name,b,pred,a\n" + b"somebody,1,9,2\n" * (rows - 1) + b"somebody,1,9,\n"
    tracemalloc.start()
    with pytest.raises(PuzzleError, match=f"data row {rows}, column 'a': an empty cell"):
        read(data)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


def test_too_many_columns_are_refused_before_they_are_names():
    with pytest.raises(PuzzleError, match=r"t\.csv: 5000001 columns; at most 4000 are read"):
        read(b"pred" + b"," * 5_000_000 + b"\n1\n")
    assert read_table(PLAIN.encode(), "t.csv", Limits(columns=4)).x.shape == (2, 2)
    with pytest.raises(PuzzleError, match="at most 3"):
        read_table(PLAIN.encode(), "t.csv", Limits(columns=3))


@pytest.mark.parametrize(
    "data",
    [
        b"measurement_0,pred\n" + b"1," * 40_000 + b"1\n" + b"1,2\n" * 40_000,
        b"pred," + b",".join(b"c%d" % k for k in range(3900)) + b"\n" + b"1\n" * 20_000,
    ],
    ids=["long first row", "short rows"],
)
def test_ragged_tables_do_not_become_square_ones(data):
    tracemalloc.start()
    with pytest.raises(PuzzleError, match=r"not a table of (2|3901) columns"):
        read(data)
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()


def test_gaps_and_text_in_parts_of_a_table():
    by_rows = functools.partial(read, chunk_cells=1)
    x, y, label = by_rows("a,pred,note,gap,true\n1,2,,,x\n3,4,foo,,5\n5,6,7,,6\n")
    np.testing.assert_array_equal(x, [[1], [3], [5]])
    np.testing.assert_array_equal(y, [2, 4, 6])
    assert label is None
    with pytest.raises(PuzzleError, match="data row 2, column 'b': an empty cell"):
        by_rows("a,b,pred,note\n1,2,3,x\n4,,6,y\n7,8,9,z\n")
    x, _, label = by_rows("a,pred,b,true\n1,2,,8\n3,4,x,9\n5,6,7,9\n")
    np.testing.assert_array_equal(x, [[1], [3], [5]])
    np.testing.assert_array_equal(label, [8, 9, 9])
