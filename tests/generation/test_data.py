"""Rows of every kind are finite and standardised, follow from the generator, and come from CSV files of any order."""

import numpy as np
import pytest

from jaxsolve.errors import PuzzleError, UsageError
from jaxsolve.generation.data import DATA, draw_rows, read_rows
from jaxsolve.generation.initial import INITIAL


def rng(seed=0):
    return np.random.default_rng(seed)


def assert_standardised(label):
    assert np.isfinite(label).all()
    assert label.mean() == pytest.approx(0, abs=1e-5)
    assert label.std() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("features", [1, 7])
def test_drawn_rows(kind, features):
    x, label = draw_rows(kind, rng(), 500, features)
    assert x.shape == (500, features)
    assert np.isfinite(x).all()
    assert 0.3 < x.std() < 3
    assert_standardised(label)
    again, other = draw_rows(kind, rng(), 500, features), draw_rows(kind, rng(1), 500, features)
    np.testing.assert_array_equal(again.x, x)
    np.testing.assert_array_equal(again.label, label)
    assert (other.label != label).any()
    np.testing.assert_array_equal(x.astype(np.float32), x)


def test_correlated_inputs_are_of_low_rank():
    values = np.linalg.svd(draw_rows("correlated", rng(), 500, 24).x, compute_uv=False) ** 2
    assert values[:6].sum() > 0.9 * values.sum()


CSV = "name,a,true,b\nx,1,10,5\ny,2,20,5\nz,4,60,5\n"


def test_a_csv_file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    x, label = read_rows(path, None, rng(), None)
    assert x.shape == (3, 2)
    assert_standardised(label)
    order = np.argsort(label)
    np.testing.assert_allclose(x[order, 0], np.array([-4, -1, 5]) / 14**0.5, rtol=1e-6)
    assert not x[:, 1].any()  # a constant column
    x, label = read_rows(path, "a", rng(), 2)  # then `true` is no input
    assert x.shape == (2, 1)
    assert_standardised(label)


def test_the_last_column_is_the_label_where_none_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,price\n1,5,1\n2,4,2\n3,6,3\n")
    x, label = read_rows(path, None, rng(), None)
    np.testing.assert_allclose(x[:, 0], label)


@pytest.mark.parametrize(
    ("text", "target", "rows", "error", "message"),
    [
        (CSV, "price", None, UsageError, "no column 'price'; it has name, a, true, b"),
        (CSV, None, 4, UsageError, "--train-rows is 4;"),
        (CSV, "b", None, UsageError, "labels in column 'b' are all the same"),
        (CSV, "name", None, PuzzleError, "column 'name': 'x'; expected a number"),
        ("", None, None, UsageError, "it has none"),
        ("a,b\n", None, None, PuzzleError, "a header but no rows"),
        ("a,b\n1,2\n3\n", None, None, PuzzleError, "column 'b': an empty cell"),
    ],
)
def test_mistakes_in_csv_files(tmp_path, text, target, rows, error, message):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(error) as raised:
        read_rows(path, target, rng(), rows)
    assert message in str(raised.value)


def test_a_csv_file_that_is_none(tmp_path):
    with pytest.raises(PuzzleError, match="not a regular file"):
        read_rows(tmp_path, None, rng(), None)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\n1\n")
    with pytest.raises(PuzzleError, match="not a CSV text file"):
        read_rows(tmp_path / "b.csv", None, rng(), None)


@pytest.mark.parametrize("name", INITIAL)
def test_first_weights_have_the_variance_they_should(name):
    n, d, h = 40, 20, 30
    w = INITIAL[name](rng(), n, d, h)
    assert w[6:] == (None, None, None)
    assert [a.shape for a in w[:6]] == [(n, d, h), (n, h), (n, h, d), (n, d), (d,), ()]
    assert all(a.dtype == np.float32 for a in w[:6])
    variances = {
        "pytorch": (1 / d / 3, 1 / h / 3, 1 / d / 3),
        "xavier": (2 / (d + h), 2 / (d + h), 0),
        "he": (2 / d, 2 / h, 0),
        "small": (2 / d, 2 / h / n, 0),
        "zero_out": (2 / d, 0, 0),
    }[name]
    assert [w.w_in.var(), w.w_out.var(), w.b_in.var()] == pytest.approx(variances, rel=0.1)
