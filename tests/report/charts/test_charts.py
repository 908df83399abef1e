"""Every figure is drawn from what was measured, can be read on light paper and on dark, and says what it shows."""

import json
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxsolve.analysis import analyze, pair_scores, products, subject_of
from jaxsolve.errors import UsageError
from jaxsolve.report.charts import (
    FIGURES,
    best_score,
    figures_of,
    pair_heatmap,
    pair_histogram,
    png,
    product_heatmaps,
    specification,
    svg,
    theme,
)
from tests import reference


@pytest.fixture(scope="module")
def analysis():
    puzzle, answer = reference.random_puzzle(11, n=6)
    return analyze(subject_of(puzzle, puzzle.permutation(answer)))


@pytest.fixture(scope="module")
def charts(analysis):
    return dict(figures_of(analysis))


def values(found):
    """Every value of every key in a specification."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield key, value
            yield from values(value)
    elif isinstance(found, list):
        for value in found:
            yield from values(value)


def contrast(first, second):
    """The contrast ratio of two colors (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""

    def luminance(color):
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def rows_of(chart):
    (rows,) = [value["values"] for key, value in values(chart.to_dict()) if key == "data" and "values" in value]
    return rows


def test_all_figures_are_drawn_of_all_measurements(charts):
    assert set(charts) == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_titles_units_alternatives_and_no_colors_of_their_own(charts, name):
    found = charts[name].to_dict()
    assert len(found["title"]["text"]) > 5
    assert found["title"]["subtitle"] == "random11, pairs and order of the answer"
    assert len(found["description"]) > 20
    assert not re.search(r"#[0-9a-fA-F]{6}", json.dumps(found))
    titled = {
        axis: [encoding[axis].get("title") for key, encoding in values(found) if key == "encoding" and axis in encoding]
        for axis in ("x", "y")
    }
    if name != "products":  # whose axes are the features of the puzzle, which have no names
        assert any(titled["x"])
    if name not in ("products", "separation", "seed-correlation"):  # those have names down their side
        assert any(titled["y"])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", FIGURES)
def test_figures_become_svg_and_png_without_a_browser(charts, name, dark):
    drawn = svg(charts[name], dark=dark)
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = "".join(root.itertext())
    assert "NaN" not in words
    assert "undefined" not in words
    assert theme(dark)["background"] in drawn.decode()
    pixels = png(charts[name], dark=dark)
    assert pixels.startswith(b"\x89PNG")
    assert len(pixels) > 2000


@pytest.mark.parametrize("dark", [False, True])
def test_words_and_marks_can_be_told_from_the_paper(dark):
    found = theme(dark)
    paper = found["background"]
    for part in ("axis", "legend", "header"):
        assert contrast(paper, found[part]["labelColor"]) > 7
    assert contrast(paper, found["title"]["subtitleColor"]) > 4.5
    for color in found["range"]["category"]:
        assert contrast(paper, color) > 3
    assert contrast(*found["range"]["heatmap"][::2]) > 7


def test_themes_differ_in_colors_alone():
    plain = lambda dark: re.sub(r"#[0-9a-f]{6}", "", json.dumps(theme(dark)))
    assert plain(False) == plain(True)
    assert theme(False)["background"] != theme(True)["background"]


def test_a_specification_holds_its_data_and_its_theme(charts):
    found = specification(charts["pair-heatmap"], dark=True)
    assert found["config"] == theme(True)
    assert "url" not in dict(values(found))


def test_the_heat_map_has_every_score_and_blocks_on_its_diagonal(analysis):
    for score in analysis.results["pair_scores"]:
        rows = rows_of(pair_heatmap(score))
        assert len(rows) == 36
        for row in rows:
            i, j = score.in_ids.index(row["first"]), score.out_ids.index(row["second"])
            assert row["score"] == score.scores[i, j]
            assert (row["i"] == row["j"]) == score.right[i, j]


def test_histograms_count_every_pair_once(analysis):
    score = analysis.results["pair_scores"][0]
    rows = rows_of(pair_histogram(score))
    counts = {kind: sum(row["count"] for row in rows if row["kind"] == kind) for kind in ("blocks", "all other pairs")}
    assert counts == {"blocks": 6, "all other pairs": 30}
    for row in rows:
        chosen = score.scores[score.right if row["kind"] == "blocks" else ~score.right]
        last = row["high"] == score.scores.max()
        inside = (chosen >= row["low"]) & ((chosen <= row["high"]) if last else (chosen < row["high"]))
        assert row["count"] == inside.sum()


def test_large_products_are_drawn_as_means_over_squares():
    puzzle, answer = reference.random_puzzle(4, n=2, d=70, h=3)
    found = products(subject_of(puzzle, puzzle.permutation(answer)))
    rows = [row for row in rows_of(product_heatmaps(found)) if (row["kind"], row["position"]) == ("block", 1)]
    assert len(rows) == 35 * 35
    for row in rows[::100]:
        part = found.matrices[1][row["c"] : row["c"] + 2, row["d"] : row["d"] + 2]
        assert row["entry"] == pytest.approx(part.mean())


def test_the_best_score_is_the_one_with_most_certain_blocks(analysis):
    best = best_score(analysis.results["pair_scores"])
    assert best.certain == max(score.certain for score in analysis.results["pair_scores"])


@pytest.mark.parametrize("n", [1, 2])
def test_few_blocks_and_no_answer(n):
    puzzle, _ = reference.random_puzzle(2, n=n)
    for name, chart in figures_of(analyze(subject_of(puzzle))):
        assert svg(chart), name


def test_scores_that_do_not_differ_are_drawn():
    puzzle, answer = reference.random_puzzle(2, n=3)
    subject = subject_of(puzzle.replace(w_out=np.zeros_like(puzzle.w_out)), puzzle.permutation(answer))
    for name, chart in figures_of(analyze(subject, ["norms", "residuals", "pair_scores", "products", "isometry"])):
        assert svg(chart), name
    assert pair_scores(subject)[0].gap == 0


def test_without_altair_the_way_out_is_named(monkeypatch, analysis):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(UsageError, match=r"figures need altair, which is not installed; pip install .*\[report\]'"):
        next(figures_of(analysis))
